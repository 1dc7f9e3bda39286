//! `rabbitmq` over AMQP against RabbitMQ (Debian's package).

use std::time::Duration;

use autoscaler::triggers::Reading;

use crate::delay::Delay;
use crate::opened::{read, trouble, until, value};
use crate::rabbitmq::{Rabbit, source};

const GUEST: &str = "amqp://guest:guest@HOST";

#[tokio::test(flavor = "multi_thread")]
async fn right_empty_wrong_slow_stopped_and_back() {
    let Some(rabbit) = Rabbit::new() else { return };
    let running = rabbit.start().await;
    for (vhost, queue, messages) in [("/", "empty", 0), ("/", "orders", 7), ("shop/eu", "orders", 2)] {
        rabbit.has(vhost, queue, messages).await;
    }
    let ask = |host: &str, queue, more: &[(&str, &str)]| source(rabbit.amqp, host, queue, more);

    // Right, wherever the virtual host is written; and empty.
    let orders = ask(GUEST, "orders", &[]);
    assert_eq!(read(&*orders).await, value(7.0, true));
    assert_eq!(read(&*orders).await, value(7.0, true));
    assert_eq!(read(&*ask(GUEST, "orders", &[("activationValue", "7")])).await, value(7.0, false));
    assert_eq!(read(&*ask("amqp://HOST/", "empty", &[])).await, value(0.0, false), "who is nobody is a guest");
    assert_eq!(read(&*ask(GUEST, "orders", &[("vhostName", "shop/eu")])).await, value(2.0, true));
    assert_eq!(read(&*ask("amqp://guest:guest@HOST/shop%2Feu", "orders", &[])).await, value(2.0, true));

    // Not there, and wrong credentials: said, and the others go on.
    let gone = trouble(&*ask(GUEST, "gone", &[])).await;
    assert!(gone.contains("NOT_FOUND - no queue 'gone' in vhost '/'"), "{gone}");
    let wrong = ask("amqp://guest:hunter2@HOST", "orders", &[]);
    let said = trouble(&*wrong).await;
    assert!(said.contains("ACCESS_REFUSED"), "{said}");
    assert!(!format!("{said}{wrong:?}").contains("hunter2"), "{said}");
    let nowhere = trouble(&*ask(GUEST, "orders", &[("vhostName", "nowhere")])).await;
    assert!(nowhere.contains("vhost nowhere not found"), "{nowhere}");
    assert_eq!(read(&*orders).await, value(7.0, true));

    // Slow.
    let delay = Delay::before(rabbit.amqp).await;
    let slow = source(delay.port(), GUEST, "orders", &[("timeout", "1s")]);
    until(&*slow, &value(7.0, true)).await;
    delay.by(Duration::from_secs(60));
    assert!(trouble(&*slow).await.ends_with("no answer in time"));
    delay.by(Duration::ZERO);
    until(&*slow, &value(7.0, true)).await;

    // Stopped, and back.
    drop(running);
    assert!(matches!(read(&*orders).await, Reading::Failed(_)));
    let _running = rabbit.start().await;
    until(&*orders, &value(7.0, true)).await;
}
