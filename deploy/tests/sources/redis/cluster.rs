//! A cluster.

use std::time::Duration;

use tokio::time::sleep;

use super::{Redis, does};
use crate::opened::{opened, pool, read, trigger, value};

#[tokio::test]
async fn a_key_is_read_wherever_it_is() {
    let cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    let (Some(one), Some(two)) = (Redis::new(&cluster), Redis::new(&cluster)) else { return };
    let _running = [one.start().await, two.start().await];
    one.does("CLUSTER ADDSLOTSRANGE 0 8191");
    two.does("CLUSTER ADDSLOTSRANGE 8192 16383");
    one.does(&format!("CLUSTER MEET 127.0.0.1 {}", two.port));
    for redis in [&one, &two] {
        let mut connection = redis.connection();
        while !does::<String>(&mut connection, "CLUSTER INFO").contains("cluster_state:ok") {
            sleep(Duration::from_millis(50)).await;
        }
    }
    one.does("RPUSH bar a b"); // slot 5061
    two.does("RPUSH foo a b c"); // slot 12182
    two.does("XADD {foo}events * n 1");
    let address = one.address(); // the other is found
    let pool = pool();
    let list = |key| opened(&trigger("redis-cluster", &[("addresses", &*address), ("listName", key)], &[]), &pool);
    assert_eq!(read(&*list("bar")).await, value(2.0, true));
    assert_eq!(read(&*list("foo")).await, value(3.0, true));
    assert_eq!(read(&*list("nothing")).await, value(0.0, false));
    let stream = [("addresses", &*address), ("stream", "{foo}events"), ("streamLength", "5")];
    assert_eq!(read(&*opened(&trigger("redis-cluster-streams", &stream, &[]), &pool)).await, value(1.0, true));
}
