//! One server.

use std::time::Duration;

use autoscaler::triggers::Reading;
use redis::Value;
use tokio::join;

use super::{Redis, does, list};
use crate::delay::Delay;
use crate::opened::{opened, pool, read, trigger, trouble, until, value};
use crate::process::free_port;

#[tokio::test]
async fn whatever_has_a_length_is_as_long_as_it_is() {
    let Some(redis) = Redis::new(&[]) else { return };
    let _running = redis.start().await;
    let (address, pool) = (redis.address(), pool());
    assert_eq!(read(&*list(&address, "jobs", &pool)).await, value(0.0, false), "what is not there is empty");
    for fill in ["RPUSH jobs a b c", "SADD set a b", "ZADD sorted 1 a 2 b 3 c 4 d", "HSET hash a 1", "SET text 5"] {
        redis.does(fill);
    }
    for (key, length) in [("jobs", 3.0), ("set", 2.0), ("sorted", 4.0), ("hash", 1.0)] {
        assert_eq!(read(&*list(&address, key, &pool)).await, value(length, true), "{key}");
    }
    let text = trouble(&*list(&address, "text", &pool)).await;
    assert!(text.contains("the key is a string, which has no length"), "{text}");
    let activation = [("address", &*address), ("listName", "jobs"), ("activationListLength", "3")];
    assert_eq!(read(&*opened(&trigger("redis", &activation, &[]), &pool)).await, value(3.0, false));
    let other = [("address", &*address), ("listName", "jobs"), ("databaseIndex", "1")];
    assert_eq!(read(&*opened(&trigger("redis", &other, &[]), &pool)).await, value(0.0, false));
}

#[tokio::test]
async fn a_stream_is_counted_in_three_ways() {
    let Some(redis) = Redis::new(&[]) else { return };
    let _running = redis.start().await;
    let (address, pool) = (redis.address(), pool());
    let source = |count: &[(&str, &str)]| {
        let all = [&[("address", &*address), ("stream", "events")], count].concat();
        opened(&trigger("redis-streams", &all, &[]), &pool)
    };
    let length = source(&[("streamLength", "5")]);
    let pending = source(&[("consumerGroup", "g"), ("pendingEntriesCount", "5")]);
    let lag = source(&[("consumerGroup", "g"), ("lagCount", "5"), ("activationLagCount", "2")]);

    // Before there is a stream, and before there is a group.
    assert_eq!(read(&*length).await, value(0.0, false));
    assert_eq!(read(&*lag).await, value(0.0, false));
    assert!(trouble(&*pending).await.contains("NOGROUP"));
    for number in 1..=4 {
        redis.does(&format!("XADD events {number}-1 n {number}"));
    }
    assert_eq!(read(&*lag).await, value(4.0, true), "all of it is ahead of a group that is not there");

    redis.does("XGROUP CREATE events g 0");
    assert_eq!(read(&*pending).await, value(0.0, false));
    redis.does("XREADGROUP GROUP g me COUNT 3 STREAMS events >");
    assert_eq!(read(&*length).await, value(4.0, true));
    assert_eq!(read(&*pending).await, value(3.0, true));
    assert_eq!(read(&*lag).await, value(1.0, false));

    // Redis does not count for a group that begins in the middle.
    redis.does("XGROUP CREATE events h 2-0");
    let lost = source(&[("consumerGroup", "h"), ("lagCount", "5")]);
    assert_eq!(read(&*lost).await, Reading::NoData);
}

const ACCOUNTS: [&str; 9] = ["--requirepass", "hunter2", "--user", "me", "on", ">hunter3", "~*", "+@all", "-eval"];

#[tokio::test]
async fn a_password_is_used_and_wrong_ones_are_said_and_not_shown() {
    let Some(redis) = Redis::new(&ACCOUNTS) else { return };
    let _running = redis.start().await;
    let (address, pool) = (redis.address(), pool());
    let source = |login: &[(&str, &str)]| {
        opened(&trigger("redis", &[("address", &*address), ("listName", "jobs")], login), &pool)
    };
    assert_eq!(read(&*source(&[("password", "hunter2")])).await, value(0.0, false));
    // One who may run no scripts asks in two steps.
    assert_eq!(read(&*source(&[("username", "me"), ("password", "hunter3")])).await, value(0.0, false));
    for login in [&[("password", "hunter4")][..], &[]] {
        let wrong = source(login);
        let said = trouble(&*wrong).await;
        assert!(said.contains("authentication failed") || said.contains("NOAUTH"), "{said}");
        assert!(!format!("{said}{wrong:?}").contains("hunter"), "{said}");
    }
    // Others are not left alone for it.
    assert_eq!(read(&*source(&[("password", "hunter2")])).await, value(0.0, false));
}

#[tokio::test]
async fn one_that_is_stopped_fails_and_one_that_is_back_is_read() {
    let Some(redis) = Redis::new(&[]) else { return };
    let running = redis.start().await;
    let jobs = list(&redis.address(), "jobs", &pool());
    redis.does("RPUSH jobs a b");
    assert_eq!(read(&*jobs).await, value(2.0, true));
    drop(running);
    assert!(matches!(read(&*jobs).await, Reading::Failed(_)));
    let _running = redis.start().await;
    until(&*jobs, &value(0.0, false)).await;
    drop(_running);
    let _running = redis.start().await;
    assert_eq!(read(&*jobs).await, value(0.0, false), "a restart between two reads costs none");
}

#[tokio::test]
async fn one_that_hangs_is_given_up_and_one_that_answers_again_is_read() {
    let Some(redis) = Redis::new(&[]) else { return };
    let _running = redis.start().await;
    redis.does("RPUSH jobs a b");
    let delay = Delay::before(redis.port).await;
    let jobs = list(&format!("127.0.0.1:{}", delay.port()), "jobs", &pool());
    assert_eq!(read(&*jobs).await, value(2.0, true));
    delay.by(Duration::from_secs(60));
    assert!(trouble(&*jobs).await.ends_with("no answer in time"));
    delay.by(Duration::ZERO);
    until(&*jobs, &value(2.0, true)).await;
}

#[tokio::test]
async fn reads_of_the_same_are_one_and_connections_are_one_a_user() {
    let Some(redis) = Redis::new(&[]) else { return };
    let _running = redis.start().await;
    let (address, pool) = (redis.address(), pool());
    let mut connection = redis.connection();
    let [one, two, other] = ["jobs", "jobs", "more"].map(|key| list(&address, key, &pool));
    let before: i64 = clients(&does::<String>(&mut connection, "INFO clients"));
    let (one, two, _) = join!(read(&*one), read(&*two), read(&*other));
    assert_eq!((one, two), (value(0.0, false), value(0.0, false)));
    let after = clients(&does::<String>(&mut connection, "INFO clients"));
    assert_eq!(after - before, 1);
    let Value::BulkString(stats) = does::<Value>(&mut connection, "INFO commandstats") else { panic!() };
    let stats = String::from_utf8(stats).unwrap();
    assert!(stats.contains("cmdstat_eval:calls=2,"), "{stats}");
}

fn clients(info: &str) -> i64 {
    let line = info.lines().find_map(|line| line.strip_prefix("connected_clients:")).unwrap();
    line.trim().parse().unwrap()
}

#[tokio::test]
async fn tls_trusts_whom_it_is_told_to_and_shows_its_own_certificate() {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    ca.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap().pem();
    let key = key.serialize_pem();

    let port = free_port().to_string();
    let Some(mut redis) = Redis::new(&["--tls-port", &port]) else { return };
    for (name, text) in [("ca", &ca_pem), ("cert", &certificate), ("key", &key)] {
        let path = redis.scratch.write(name, text).display().to_string();
        redis.arguments.extend([format!("--tls-{name}{}-file", if name == "ca" { "-cert" } else { "" }), path]);
    }
    let _running = redis.start().await;
    redis.does("RPUSH jobs a");
    let address = format!("localhost:{port}");
    let source = |metadata: &[(&str, &str)], auth: &[(&str, &str)]| {
        let all = [&[("address", &*address), ("listName", "jobs"), ("enableTLS", "true")], metadata].concat();
        opened(&trigger("redis", &all, auth), &pool())
    };
    let shown = [("ca", &*ca_pem), ("cert", &*certificate), ("key", &*key)];
    assert_eq!(read(&*source(&[], &shown)).await, value(1.0, true));
    assert_eq!(read(&*source(&[("unsafeSsl", "true")], &shown[1..])).await, value(1.0, true));
    assert!(trouble(&*source(&[], &shown[..1])).await.contains("ertificate"), "the server wants one");
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    let strange = trouble(&*source(&[], &[("ca", &stranger), shown[1], shown[2]])).await;
    assert!(strange.contains("certificate"), "{strange}");
}
