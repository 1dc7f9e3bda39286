//! What the management API says of queues. (Over AMQP there is only the number of ready messages.)

use serde::Deserialize;

use crate::triggers::metadata::Operation;

/// One queue, or several put together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Queue {
    /// Messages in it.
    pub messages: u64,
    /// Messages that are ready.
    pub ready: u64,
    /// Messages published a second.
    pub published: f64,
    /// Messages delivered or got a second.
    pub delivered: f64,
}

impl Operation {
    /// All `queues` as one; no queue is an empty one. An average of messages is a whole number, cut off.
    pub fn together(self, queues: &[Queue]) -> Queue {
        let put = |all: Queue, next: &Queue| match self {
            Operation::Max => Queue {
                messages: all.messages.max(next.messages),
                ready: all.ready.max(next.ready),
                published: all.published.max(next.published),
                delivered: all.delivered.max(next.delivered),
            },
            Operation::Sum | Operation::Avg => Queue {
                messages: all.messages.saturating_add(next.messages),
                ready: all.ready.saturating_add(next.ready),
                published: all.published + next.published,
                delivered: all.delivered + next.delivered,
            },
        };
        let all = queues.iter().fold(Queue::default(), put);
        let count = queues.len().max(1) as u64;
        match self {
            Operation::Avg => Queue {
                messages: all.messages / count,
                ready: all.ready / count,
                published: all.published / count as f64,
                delivered: all.delivered / count as f64,
            },
            Operation::Sum | Operation::Max => all,
        }
    }
}

impl Queue {
    /// A queue of which AMQP says how many messages are ready, and nothing else.
    pub fn of_ready(messages: u64) -> Queue {
        Queue { messages, ready: messages, ..Queue::default() }
    }

    /// The queue without the messages that are delivered and not acknowledged: `excludeUnacknowledged`.
    pub fn ready_only(self) -> Queue {
        Queue { messages: self.ready, ..self }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    messages: u64,
    messages_ready: u64,
    message_stats: Stats,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Stats {
    publish_details: Rate,
    deliver_get_details: Rate,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rate {
    rate: f64,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    items: Vec<Said>,
    #[serde(default)]
    page_count: u64,
}

impl Said {
    fn queue(&self) -> Queue {
        Queue {
            messages: self.messages,
            ready: self.messages_ready,
            published: self.message_stats.publish_details.rate,
            delivered: self.message_stats.deliver_get_details.rate,
        }
    }
}

/// Reads the answer about one queue. A queue that does not exist is a failure, not an empty one.
///
/// # Errors
/// What is wrong with the answer, for people.
pub fn one_queue(status: u16, body: &[u8]) -> Result<Queue, String> {
    read::<Said>(status, body).map(|said| said.queue())
}

/// Reads the answer about all queues that a regular expression matches.
///
/// # Errors
/// What is wrong with the answer, for people; also if they do not fit one page.
pub fn every_match(status: u16, body: &[u8]) -> Result<Vec<Queue>, String> {
    let page: Page = read(status, body)?;
    if page.page_count > 1 {
        return Err(format!("the expression matches {} pages of queues: raise pageSize", page.page_count));
    }
    Ok(page.items.iter().map(Said::queue).collect())
}

fn read<'a, T: Deserialize<'a>>(status: u16, body: &'a [u8]) -> Result<T, String> {
    if status != 200 {
        return Err(format!("rabbitmq answered {status}"));
    }
    serde_json::from_slice(body).map_err(|error| format!("rabbitmq's answer is not readable: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_queue_has_no_statistics_yet() {
        let queue = one_queue(200, br#"{"messages":4,"messages_ready":3,"name":"q"}"#).unwrap();
        assert_eq!(queue, Queue { messages: 4, ready: 3, published: 0.0, delivered: 0.0 });
        assert_eq!(queue.ready_only(), Queue::of_ready(3));
    }

    #[test]
    fn rates_are_in_the_details() {
        let body = br#"{"messages":1,"messages_ready":1,"message_stats":{"publish":9,"publish_details":{"rate":1.5},
            "deliver_get":2,"deliver_get_details":{"rate":0.5}}}"#;
        let queue = one_queue(200, body).unwrap();
        assert_eq!((queue.published, queue.delivered), (1.5, 0.5));
    }

    #[test]
    fn what_does_not_fit_a_page_and_what_is_not_there_fail() {
        let problem = every_match(200, br#"{"items":[],"page_count":2}"#).unwrap_err();
        assert_eq!(problem, "the expression matches 2 pages of queues: raise pageSize");
        assert_eq!(one_queue(404, b"{}").unwrap_err(), "rabbitmq answered 404");
    }
}
