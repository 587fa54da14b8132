//! `build-bundle`: the steps of a build Job, each a container of its pod.
