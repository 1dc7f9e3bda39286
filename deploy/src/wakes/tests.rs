use super::*;
use config::PodState;

fn at(seconds: f64) -> Time {
    Time::from_secs_f64(seconds)
}

fn pod(name: &str) -> Pod {
    Pod {
        id: PodId::new(name),
        workload: "hello".parse().unwrap(),
        address: ([127, 0, 0, 1], 20_000).into(),
        state: PodState::Starting,
        has_queue_proxy: true,
        created: Time::ZERO,
    }
}

fn wake(held: f64, released: f64) -> Wake {
    let (held_at, released_at) = (at(held), at(released));
    Wake { workload: "hello".parse().unwrap(), held_at, released_at, requests: 2, first_byte: Arc::default() }
}

fn phases(woken: &Woken) -> Vec<(&'static str, u128)> {
    woken.phases().map(|(phase, from, to)| (phase.word(), to.since(from).as_millis())).collect()
}

fn because() -> Reason {
    Reason { rule: "stable-window", pods: 1, because: "1 waits".to_owned() }
}

#[test]
fn the_phases_of_a_wake_add_up_and_the_last_comes_later() {
    let (wakes, hello) = (Wakes::default(), "hello".parse().unwrap());
    wakes.decided(&hello, &because(), at(10.001));
    wakes.started(&pod("a").id, at(10.003));
    wakes.asked(&hello, at(10.002));
    wakes.ready(&pod("a"), at(10.013));
    wakes.ready(&pod("b"), at(10.014));
    let wake = wake(10.0, 10.014);
    let woken = wakes.woke(&wake);
    let known = [("decided", 1), ("asked", 1), ("started", 1), ("ready", 10), ("handed-over", 1)];
    assert_eq!((phases(&woken), woken.pod()), (known.to_vec(), Some(&PodId::new("a"))));
    assert!(wakes.take_answered().is_empty());

    wake.first_byte.set(at(10.020)).unwrap();
    let answered = wakes.take_answered();
    assert_eq!(phases(&answered[0]).last(), Some(&("first-byte", 6)));
    assert_eq!(answered[0].took().as_millis(), 20);
    assert!(wakes.take_answered().is_empty(), "each is given once");
    assert_eq!(wakes.of(&hello).len(), 1);
}

#[test]
fn of_a_wake_across_processes_each_activator_tells_its_part_and_all_share_its_course() {
    let (wakes, hello) = (Wakes::default(), "hello".parse().unwrap());
    wakes.sent(&hello, at(9.0));
    assert!(wakes.0.lock().workloads.is_empty(), "it may be gone while something is sent");
    wakes.decided(&hello, &because(), at(10.001));
    wakes.sent(&hello, at(10.002));
    wakes.sent(&hello, at(10.5)); // once more, because the first was refused
    wakes.asked(&hello, at(10.010));
    wakes.placed(&pod("a").id, at(10.030));
    wakes.hello(&pod("a").id, at(11.0));
    wakes.hello(&pod("a").id, at(11.5));
    wakes.ready(&pod("a"), at(11.040));
    let early = wakes.woke(&wake(10.0, 11.041));
    let whole = [("decided", 1), ("sent", 1), ("asked", 8), ("placed", 20), ("hello", 970), ("ready", 40)];
    assert_eq!(phases(&early), [&whole[..], &[("handed-over", 1)]].concat());
    let late = wakes.woke(&wake(10.9, 11.042));
    assert_eq!(phases(&late), [("hello", 100), ("ready", 40), ("handed-over", 2)]);
    assert_eq!((late.pod(), late.why().is_some()), (early.pod(), true));
    assert!(wakes.woke(&wake(11.042, 12.0)).why().is_none(), "another wake");
    assert!(wakes.0.lock().coming.is_empty());
}

#[test]
fn what_was_before_the_wake_is_no_part_of_it() {
    let (wakes, hello) = (Wakes::default(), "hello".parse().unwrap());
    wakes.decided(&hello, &because(), at(1.0));
    wakes.asked(&hello, at(1.0));
    wakes.started(&pod("a").id, at(1.0));
    wakes.ready(&pod("a"), at(5.003));
    assert_eq!(phases(&wakes.woke(&wake(5.0, 5.004))), [("ready", 3), ("handed-over", 1)]);
}

#[test]
fn what_is_kept_is_bounded() {
    let (wakes, hello) = (Wakes::default(), "hello".parse().unwrap());
    for n in 0..2 * bounds::WAKES_KEPT {
        wakes.woke(&wake(n as f64, n as f64 + 0.5));
    }
    assert_eq!(wakes.of(&hello).len(), bounds::WAKES_EXPLAINED);
    assert_eq!(wakes.0.lock().unanswered.len(), bounds::WAKES_KEPT);
    wakes.workload_gone(&hello);
    assert!(wakes.of(&hello).is_empty());
}
