use super::*;
use config::Time;
use futures_util::FutureExt;

fn board(container_concurrency: u32) -> Arc<Board> {
    let serving = Serving { container_concurrency, ..Serving::default() };
    let id = "app".parse().unwrap();
    Board::new(id, Clock::start(), HoldLimits::default(), Arc::default(), &serving, Mode::Default)
}

fn start_pod(board: &Arc<Board>, container_concurrency: u32) {
    let address = ([127, 0, 0, 1], 1).into();
    let serving = Serving { container_concurrency, ..Serving::default() };
    let front = Front::new(Network::default(), address, &serving, board.clock);
    let (workload, created) = (board.id.clone(), Time::ZERO);
    let state = PodState::Ready;
    board.set_pod(&Pod { id: PodId::new("one"), workload, address, state, has_queue_proxy: true, created }, &front);
}

fn hold(board: &Arc<Board>) -> Place {
    match board.arrive(Instant::now(), "/", 0).unwrap() {
        (Arrival::Held(place), _) => place,
        (other, _) => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_before_it_heard_of_its_slot_passes_it_on() {
    let board = board(1);
    let (first, second, third) = (hold(&board), hold(&board), hold(&board));
    start_pod(&board, 1);
    assert_eq!(board.snapshot().held, 2);
    drop(first); // was handed the slot and does not know
    assert_eq!(board.snapshot().held, 1);
    let second = second.wait(None).now_or_never().expect("the slot is there").unwrap();
    drop(second);
    drop(third.wait(None).now_or_never().expect("the slot is there").unwrap());
    let snapshot = board.snapshot();
    assert_eq!((snapshot.open, snapshot.pods[0].in_flight, snapshot.counts.left), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_many_come_back_from_is_waited_for_once() {
    let board = board(0);
    start_pod(&board, 0);
    let admitted: Vec<_> = (0..100).map(|_| board.arrive(Instant::now(), "/", 0).unwrap()).collect();
    let mut places = Vec::new();
    for (arrival, _) in admitted {
        let Arrival::Admitted(admission) = arrival else { panic!("there is no limit") };
        places.push(Board::again(admission, 0, Cause::Unreachable).unwrap());
    }
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 1);
    for place in places {
        drop(place.wait(None).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_comes_as_the_hold_ends_is_taken() {
    let board = board(1);
    let place = hold(&board);
    let mut waiting = std::pin::pin!(place.wait(Some(Instant::now() + std::time::Duration::from_secs(1))));
    assert!(waiting.as_mut().now_or_never().is_none());
    start_pod(&board, 1);
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    assert!(waiting.now_or_never().expect("it is over").is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_became_free_by_another_way_is_found_within_a_second() {
    let board = board(1);
    start_pod(&board, 1);
    let gate = board.with(|state| Arc::clone(state.roster.iter().next().unwrap().0.gate().unwrap()));
    let direct = gate.try_admit().unwrap();
    let place = hold(&board);
    drop(direct);
    board.report_second(&"activator".into(), &mut Vec::new());
    assert!(place.wait(None).now_or_never().expect("the slot was found").is_ok());
}
