//! Conversion between v1alpha1 and v1beta1 of the kinds of workers.
