//! Kinds of `dispatcher.ivan.vc`: JobTemplate and JobExecution, v1alpha1 (served) and v1beta1 (served, stored).

pub mod v1beta1;
pub mod view;
