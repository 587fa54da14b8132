//! `workers`: a worker on this machine, without a cluster.
