//! What is measured of a queue.

use super::Queue;
use crate::triggers::Reading;
use crate::triggers::metadata::Mode;

impl Mode {
    /// KEDA's `GetMetricsAndActivity`, to the number: a backlog activates a rate of messages as well, and the time to
    /// consume a queue is `(published − delivered) / delivered + messages / delivered`. Where nothing is delivered
    /// although something comes, the quotient is infinite: then the metric is `activation`, and the workload is active.
    pub fn reading(self, queue: Queue, activation: f64) -> Reading {
        let Queue { messages, published, delivered, .. } = queue;
        let messages = messages as f64;
        match self {
            Mode::QueueLength => Reading::above(messages, activation),
            Mode::DeliverGetRate => Reading::above(delivered, activation),
            Mode::MessageRate => match Reading::above(published, activation) {
                Reading::Value { metric, active } => Reading::Value { metric, active: active || messages > activation },
                other => other,
            },
            Mode::PublishedToDeliveredRatio if delivered > 0.0 => Reading::above(published / delivered, activation),
            Mode::PublishedToDeliveredRatio if published > 0.0 => stuck(activation),
            Mode::PublishedToDeliveredRatio => Reading::above(0.0, activation),
            Mode::ExpectedQueueConsumptionTime if messages == 0.0 => Reading::above(0.0, activation),
            Mode::ExpectedQueueConsumptionTime if delivered > 0.0 => {
                Reading::above((published - delivered) / delivered + messages / delivered, activation)
            }
            Mode::ExpectedQueueConsumptionTime => stuck(activation),
        }
    }
}

fn stuck(activation: f64) -> Reading {
    Reading::Value { metric: activation.max(0.0), active: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_that_nobody_consumes_is_active() {
        let queue = Queue { messages: 5, ready: 5, published: 0.0, delivered: 0.0 };
        let reading = Mode::ExpectedQueueConsumptionTime.reading(queue, 1.0);
        assert_eq!(reading, Reading::Value { metric: 1.0, active: true });
    }
}
