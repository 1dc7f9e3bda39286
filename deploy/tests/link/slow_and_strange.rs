use config::PodState::{Ready, Starting};
use config::bounds;
use config::link::{Down, Up};
use deploy::fronts::Fronts;
use tokio::time::{sleep, timeout};

use crate::world::{Autoscaler, SECOND, activator, hello, hello_of, of_pod, report_of, state_of};

// More than may wait, and than the windows of HTTP/2 and of the connection hold.
const MANY: u32 = bounds::LINK_DOWN_FRAMES as u32 * 4;

#[tokio::test(start_paused = true)]
async fn a_pod_that_reads_too_slowly_is_cut_off_and_others_hear_everything() {
    let mut autoscaler = Autoscaler::start(1);
    autoscaler.name("x", Starting);
    let slow = autoscaler.linked(of_pod("x"), 1).await;
    let mut quick = autoscaler.linked(activator("quick"), 2).await;
    assert_eq!(autoscaler.hub.links(), 2);
    let mut heard = 0;
    for watermark in 0..MANY {
        autoscaler.hub.watermark(&hello(), watermark);
        if watermark % 64 == 0 {
            while heard < watermark {
                heard = quick.hear_until(|frame| watermark_of(&frame)).await;
                heard += u32::from(heard == watermark);
            }
        }
    }
    sleep(2 * SECOND).await;
    assert_eq!(autoscaler.hub.links(), 1);
    while quick.hear_until(|frame| watermark_of(&frame)).await < MANY - 1 {}
    drop(slow);
}

#[tokio::test(start_paused = true)]
async fn an_activator_that_reads_slowly_hears_the_newest_of_everything() {
    let mut autoscaler = Autoscaler::start(1);
    let mut slow = autoscaler.linked(activator("slow"), 1).await;
    for watermark in 0..MANY {
        autoscaler.hub.watermark(&hello(), watermark);
        if watermark % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    autoscaler.name("x", Starting);
    let mut pod = autoscaler.linked(of_pod("x"), 1).await;
    pod.say(&state_of("x", Ready)).await;
    sleep(2 * SECOND).await;
    assert_eq!(autoscaler.hub.links(), 2);
    let mut heard = 0;
    while slow.hear_until(|frame| watermark_of(&frame)).await < MANY - 1 {
        heard += 1;
    }
    assert!(heard < MANY / 2, "what was outdated was not kept: {heard}");
    slow.hear_until(|frame| {
        matches!(frame, Down::Pods { pods, .. } if pods.iter().any(|pod| pod.state == Ready)).then_some(())
    })
    .await;
}

fn watermark_of(frame: &Down) -> Option<u32> {
    match frame {
        Down::Settings { watermark, .. } => Some(*watermark).filter(|watermark| *watermark < u32::MAX),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_reporter_that_is_silent_for_three_heartbeats_is_dead() {
    let mut autoscaler = Autoscaler::start(1);
    autoscaler.name("x", Starting);
    let mut pod = autoscaler.linked(of_pod("x"), 3).await;
    pod.say(&state_of("x", Ready)).await;
    for _ in 0..4 {
        sleep(bounds::LINK_HEARTBEAT * 2).await;
        pod.say(&Up::Heartbeat { at: autoscaler.clock.now() }).await;
    }
    sleep(SECOND).await;
    assert_eq!(autoscaler.state("x"), Some(Ready));
    sleep(bounds::LINK_HEARTBEAT * bounds::LINK_DEAD_AFTER).await;
    sleep(2 * SECOND).await;
    assert_eq!((autoscaler.state("x"), autoscaler.hub.links()), (Some(Starting), 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_introduce_itself_or_talks_nonsense_is_cut_off() {
    let mut autoscaler = Autoscaler::start(1);
    let mut unknown = autoscaler.connect().await;
    unknown.say(&Up::Heartbeat { at: autoscaler.clock.now() }).await;
    assert_eq!(unknown.next().await, None);
    let mut twice = autoscaler.linked(activator("a"), 1).await;
    twice.say(&hello_of(activator("b"), 1, autoscaler.clock.now())).await;
    while twice.next().await.is_some() {}
    let mut nonsense = autoscaler.linked(activator("a"), 1).await;
    nonsense.say_bytes(vec![0xff; 64]).await;
    while nonsense.next().await.is_some() {}
    assert_eq!(autoscaler.hub.links(), 0);
}

#[tokio::test(start_paused = true)]
async fn while_the_driver_is_behind_reports_wait_and_none_is_lost() {
    let mut autoscaler = Autoscaler::start(1);
    let mut speaker = autoscaler.linked(activator("a"), 1).await;
    let many = bounds::LINK_FRAMES as u64 * 3;
    let said = tokio::spawn(async move {
        for seq in 1..=many {
            speaker.say(&report_of(activator("a"), seq)).await;
        }
        speaker
    });
    let mut heard = Vec::new();
    while (heard.len() as u64) < many {
        let before = heard.len();
        heard.extend(autoscaler.reports().await);
        assert!(heard.len() > before, "they go on coming");
    }
    assert_eq!(heard, (1..=many).collect::<Vec<_>>());
    drop(said.await);
}

#[tokio::test(start_paused = true)]
async fn a_report_whose_link_ends_while_the_driver_is_behind_counts_when_it_comes_again() {
    let mut autoscaler = Autoscaler::start(1);
    let mut speaker = autoscaler.linked(activator("a"), 1).await;
    let many = bounds::LINK_FRAMES as u64 * 2;
    for seq in 1..=many {
        // More than there is room for, and little enough that all of it is read off the connection.
        if timeout(SECOND, speaker.say(&report_of(activator("a"), seq))).await.is_err() {
            break;
        }
    }
    sleep(SECOND / 10).await;
    drop(speaker);
    sleep(SECOND / 10).await;
    let mut heard = autoscaler.reports().await;
    assert!(heard.len() < many as usize, "the driver was behind");
    let mut again = autoscaler.linked(activator("a"), 1).await;
    for seq in 1..=many {
        again.say(&report_of(activator("a"), seq)).await;
        if seq % 512 == 0 {
            heard.extend(autoscaler.reports().await);
        }
    }
    heard.extend(autoscaler.reports().await);
    assert_eq!(heard, (1..=many).collect::<Vec<_>>());
}
