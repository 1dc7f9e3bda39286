//! RabbitMQ: what its management API says of queues, the modes that make a number of it, and where it is asked.

mod mode;
mod queue;
mod vhost;

pub use self::queue::{Queue, every_match, one_queue};
pub use self::vhost::{Vhost, vhost};
