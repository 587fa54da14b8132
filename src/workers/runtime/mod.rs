//! What a bundle becomes: Deployment, Service, Ingress or HTTPRoutes, disruption budget and network policy.
