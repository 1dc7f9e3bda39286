//! Requests that fall into every state on the way to zero and back: each is answered, and none stays counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use config::{BurstCapacity, PodState, Policy, Route, Serving};
use deploy::memory::{App, Start};
use http::Response;
use http_body_util::Full;
use tokio::time::sleep;

use crate::system::{MS, SECOND, System};

const ARRIVALS: u32 = 400;
const MEAN_GAP: f64 = 8.0;

fn policy() -> Policy {
    Policy {
        stable_window: 6 * SECOND,
        panic_window: SECOND,
        grace_period: SECOND,
        burst_capacity: BurstCapacity::Of(10.0),
        ..Policy::default()
    }
}

/// Takes as many milliseconds as the path says, and half a second to end.
fn app(asked: Arc<AtomicU32>) -> App {
    let answer = move |request: http::Request<hyper::body::Incoming>| {
        asked.fetch_add(1, Relaxed);
        let time = request.uri().path().trim_start_matches('/').parse().expect("a number of milliseconds");
        async move {
            sleep(Duration::from_millis(time)).await;
            Response::new(Full::<Bytes>::from("done"))
        }
    };
    App::new(Start::ListensAfter(300 * MS), answer).stops_after(500 * MS)
}

/// In which state of its workload a request comes.
fn state(system: &System) -> &'static str {
    let explained = system.explain();
    match explained.to_zero.state {
        "zero" if explained.pods.draining > 0 => "draining",
        "awake" | "lingering" if explained.pods.ready == 0 => "starting",
        "awake" | "lingering" if explained.route == Route::Activator => "in the path",
        "awake" | "lingering" => "past the activator",
        other => other,
    }
}

/// A xorshift generator, so that each run is the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn exponential(&mut self, mean: f64) -> Duration {
        let uniform = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        Duration::from_secs_f64(-mean * (1.0 - uniform).ln())
    }
}

#[tokio::test(start_paused = true)]
async fn whenever_a_request_comes_it_is_answered() {
    let asked = Arc::new(AtomicU32::new(0));
    let system = System::of_one(policy(), Serving::default(), app(Arc::clone(&asked)));
    let (mut random, mut sent, mut came_in) = (Random(20_26), Vec::new(), BTreeMap::<_, u32>::new());
    for _ in 0..ARRIVALS {
        sleep(random.exponential(MEAN_GAP)).await;
        *came_in.entry(state(&system)).or_default() += 1;
        sent.push(system.get(&format!("/{}", random.next() % 1_500)));
    }
    for answer in sent {
        let answer = answer.await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"done"[..]));
    }
    assert_eq!(asked.load(Relaxed), ARRIVALS, "the app saw each once");
    for state in ["zero", "starting", "in the path", "past the activator", "grace", "draining"] {
        assert!(came_in.contains_key(state), "none came in {state}: {came_in:?}");
    }

    sleep(20 * SECOND).await;
    system.assert_nothing_is_counted();
    assert_eq!(state(&system), "zero");
    let zeros = system.scales().iter().filter(|&&pods| pods == 0).count();
    assert!(zeros > 50, "{zeros} returns to zero");
    assert_eq!(system.pods(PodState::Gone).len(), zeros, "a pod for each wake, and none is left");
}
