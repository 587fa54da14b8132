//! Where marks are read: in a pod that is sent, and in the metadata of one that is stored.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Error;
use crate::api::pod::{PodMetadata, text};

/// Labels and annotations of a pod.
pub trait Marks {
    /// The label of that key.
    ///
    /// # Errors
    /// It is no string.
    fn label(&self, key: &str) -> Result<Option<Cow<'_, str>>, Error>;

    /// The annotation of that key.
    ///
    /// # Errors
    /// It is no string.
    fn annotation(&self, key: &str) -> Result<Option<Cow<'_, str>>, Error>;
}

impl Marks for PodMetadata<'_> {
    fn label(&self, key: &str) -> Result<Option<Cow<'_, str>>, Error> {
        Ok(text(self.labels.as_ref(), key)?.map(|found| found.0))
    }

    fn annotation(&self, key: &str) -> Result<Option<Cow<'_, str>>, Error> {
        Ok(text(self.annotations.as_ref(), key)?.map(|found| found.0))
    }
}

impl Marks for ObjectMeta {
    fn label(&self, key: &str) -> Result<Option<Cow<'_, str>>, Error> {
        let found = self.labels.as_ref().and_then(|labels| labels.get(key));
        Ok(found.map(Cow::from))
    }

    fn annotation(&self, key: &str) -> Result<Option<Cow<'_, str>>, Error> {
        let found = self.annotations.as_ref().and_then(|annotations| annotations.get(key));
        Ok(found.map(Cow::from))
    }
}
