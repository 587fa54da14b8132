//! What upstream counts of the execute endpoint, under upstream's names.

use axum::http::StatusCode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// Requests of the execute endpoint; each name ends in `_total` when it is printed.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    requests: Counter,
    failures: Counter,
    not_found: Counter,
    success: Counter,
}

impl Counters {
    /// Registers everything once.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let counters = Self::default();
        let mut name = |name, help, counter: &Counter| registry.register(name, help, counter.clone());
        name("job_requests", "Requests to execute a JobTemplate", &counters.requests);
        name(
            "job_requests_failures",
            "Requests that gave no execution",
            &counters.failures,
        );
        name(
            "job_requests_not_found_failures",
            "Requests for a JobTemplate that does not exist",
            &counters.not_found,
        );
        name(
            "job_requests_success",
            "Requests that gave an execution",
            &counters.success,
        );
        counters
    }

    /// Counts one answered request; one that found no template is a failure too.
    pub(super) fn count(&self, status: StatusCode) {
        self.requests.inc();
        if status.is_success() {
            self.success.inc();
            return;
        }
        self.failures.inc();
        if status == StatusCode::NOT_FOUND {
            self.not_found.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_upstreams_names() {
        let mut registry = Registry::default();
        let counters = Counters::register(&mut registry);
        for status in [
            StatusCode::CREATED,
            StatusCode::CREATED,
            StatusCode::NOT_FOUND,
            StatusCode::NOT_ACCEPTABLE,
        ] {
            counters.count(status);
        }
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).expect("writing to a String cannot fail");
        let values: Vec<_> = page.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            "job_requests_total 4",
            "job_requests_failures_total 2",
            "job_requests_not_found_failures_total 1",
            "job_requests_success_total 2",
        ];
        assert_eq!(values, expected);
    }
}
