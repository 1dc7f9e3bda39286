//! The app to try things with tells truly what it has served.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

/// `rouse sample`, killed when dropped.
struct Sample {
    process: Child,
    port: u16,
}

impl Sample {
    fn start() -> Sample {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a free port").port();
        let process = Command::new(env!("CARGO_BIN_EXE_rouse"))
            .args(["sample", "--name", "hello", "--port", &port.to_string()])
            .spawn()
            .expect("rouse starts");
        let sample = Sample { process, port };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            sleep(Duration::from_millis(5));
        }
        sample
    }

    /// Sends this, and nothing more if it `is_all`, and returns what comes back.
    fn say(&self, request: &str, is_all: bool) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        if is_all {
            stream.shutdown(Shutdown::Write).expect("it is open");
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    fn get(&self, path: &str) -> String {
        let answer = self.say(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), false);
        answer.split_once("\r\n\r\n").expect("a head and a body").1.to_owned()
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn the_sample_tells_what_it_served_whole_what_twice_and_what_it_read() {
    let sample = Sample::start();
    sample.get("/?id=a");
    sample.get("/?id=b");
    sample.get("/?id=a&sleep=1ms");
    let answer = sample.say(
        "POST / HTTP/1.1\r\nHost: x\r\nX-Request-Id: c\r\nContent-Length: 6\r\nConnection: close\r\n\r\nfoobar",
        false,
    );
    assert!(answer.contains("body-length: 6\r\n"), "{answer}");
    assert!(answer.contains("body-checksum: 85944171f73967e8\r\n"), "{answer}");
    sample.say(
        "POST / HTTP/1.1\r\nHost: x\r\nX-Request-Id: cut\r\nContent-Length: 6\r\nConnection: close\r\n\r\nfoo",
        true,
    );

    assert_eq!(sample.get("/ids"), "a\nb\na\nc\n", "the cut one was not served");
    let stats: Value = serde_json::from_str(&sample.get("/stats")).unwrap();
    assert_eq!(stats["requests"], 5, "{stats}");
    assert_eq!(stats["served"], 4, "{stats}");
    assert_eq!((&stats["repeated"], &stats["repeated_ids"]), (&json!(1), &json!(["a"])));
    assert_eq!((&stats["in_flight"], &stats["max_in_flight"]), (&json!(0), &json!(1)));
}
