//! The domain of JobTemplates and JobExecutions: decisions only. Nothing here awaits, reads a clock or reaches outside.

pub mod job;
pub mod status;
pub mod transition;
