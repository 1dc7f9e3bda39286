use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use config::PodState::{Gone, Ready, Starting};
use config::link::{Down, Reporter, Token, Up};
use config::{Pod, PodId, Report, WorkloadId, bounds};
use deploy::fronts::Fronts;
use deploy::kubernetes::identity::Verifier;
use deploy::kubernetes::route::{Router, RouterParts};
use deploy::kubernetes::told::Teller;
use deploy::kubernetes::writes::Writes;
use deploy::link::tls::accepting;
use deploy::link::{self, Heard, Hub, Identity, LinkServer, OwnPods};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::core::ApiResource;
use metrics_exporter_prometheus::PrometheusBuilder;
use queue_proxy::Clock;
use queue_proxy::link::{LinkSettings, Tls};
use queue_proxy::net::Network;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::signer::{Apiserver, Signer, claims};
use crate::world::{Autoscaler, SECOND, Speaker, activator, address, hello, hello_of, of_pod, pod, state_of, workload};

/// Says Hello as `reporter`, of `workload` if it knows, from `peer`; who then hears what follows.
async fn say_hello(
    autoscaler: &mut Autoscaler,
    reporter: Reporter,
    workload: Option<WorkloadId>,
    token: Option<String>,
    peer: IpAddr,
) -> Speaker {
    let mut speaker = autoscaler.connect_from(peer).await;
    let token = token.map(|token| Token::new(&token).expect("a short token"));
    let at = autoscaler.clock.now();
    speaker.say(&Up::Hello { reporter, incarnation: 1, workload, address: address(), at, token }).await;
    speaker
}

/// Whether it is welcomed; else its Link has been closed.
async fn is_welcome(speaker: &mut Speaker) -> bool {
    match speaker.next().await {
        Some(Down::Welcome { .. }) => true,
        Some(other) => panic!("neither a welcome nor an end: {other:?}"),
        None => false,
    }
}

fn here() -> IpAddr {
    address().ip()
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_does_not_know_its_workload_is_told_once_the_platform_has_named_it() {
    let mut autoscaler = Autoscaler::start(1);
    let mut early = say_hello(&mut autoscaler, of_pod("x"), None, None, here()).await;
    assert!(!is_welcome(&mut early).await);
    assert_eq!(autoscaler.hub.links(), 0);
    autoscaler.name("x", Starting);
    let mut pod = say_hello(&mut autoscaler, of_pod("x"), None, None, here()).await;
    assert!(is_welcome(&mut pod).await);
    assert!(matches!(pod.hear().await, Down::Settings { workload, .. } if workload == hello()));
    let heard = autoscaler.heard().await;
    let Heard::Up(Up::Hello { workload, .. }) = heard else { panic!("no Hello: {heard:?}") };
    assert_eq!(workload, Some(hello()), "the engine need not ask");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_says_it_is_of_another_workload_than_it_is_gets_nothing_of_either() {
    let mut autoscaler = Autoscaler::start(1);
    let other: WorkloadId = "other".parse().expect("a name");
    autoscaler.hub.workload(&Arc::new(workload(other.clone())));
    let mut activator = autoscaler.linked(activator("a"), 1).await;
    let mut liar = say_hello(&mut autoscaler, of_pod("x"), Some(other.clone()), None, here()).await;
    assert!(is_welcome(&mut liar).await, "nobody knows better yet");
    liar.say(&state_of("x", Ready)).await;
    autoscaler.name("x", Starting);
    assert!(matches!(liar.next().await, Some(Down::Settings { .. })));
    assert_eq!(liar.next().await, None, "the platform does");
    let mut liar = say_hello(&mut autoscaler, of_pod("x"), Some(other.clone()), None, here()).await;
    assert!(!is_welcome(&mut liar).await);
    let mut pod = autoscaler.linked(of_pod("x"), 1).await;
    pod.say(&state_of("x", Ready)).await;
    let of = activator.hear_until(|frame| match frame {
        Down::Pods { workload, pods, .. } if !pods.is_empty() => Some(workload),
        _ => None,
    });
    assert_eq!(of.await, hello(), "no activator ever heard that it is of the other");
    assert_eq!(autoscaler.hub.pods(&other), []);
}

/// A cluster, its autoscaler, and the second in which it issues tokens.
fn cluster() -> (Autoscaler, Signer, u64) {
    let signer = Signer::new("key");
    let verifier = Verifier::new(Apiserver::with(&[&signer]).client());
    let identity = Identity::Token { verifier, namespace: "rouse-system".into() };
    (Autoscaler::asking(1, identity), signer, Clock::machine_time().second())
}

/// The platform names, in the workload's own namespace, a pod of Kubernetes.
fn named(autoscaler: &Autoscaler, name: &str, state: config::PodState) {
    let pod = Pod { id: PodId::new(name), ..pod(name, state) };
    autoscaler.hub.pod(autoscaler.clock.now(), pod);
}

#[tokio::test(start_paused = true)]
async fn a_pod_shows_the_token_that_is_bound_to_it_and_none_that_is_not() {
    let (mut autoscaler, signer, second) = cluster();
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    named(&autoscaler, "web-1.7f", Starting);
    let token = |namespace, pod, change: fn(&mut Value)| {
        let mut said = claims(second, namespace, "default", pod);
        change(&mut said);
        Some(signer.sign(&said))
    };
    let same: fn(&mut Value) = |_| ();
    let own = ["web-1", "7f"];
    let stranger = Signer::new("key").sign(&claims(second, "default", "default", own));
    for (reason, token) in [
        ("no-token", None),
        ("malformed", Some("garbage".to_owned())),
        ("signature", Some(stranger)),
        ("audience", token("default", own, |said| said["aud"] = "https://kubernetes.default.svc".into())),
        ("expired", token("default", own, |said| said["exp"] = 1_000_000_000.into())),
        ("not-yet-valid", token("default", own, |said| said["nbf"] = 4_000_000_000_u64.into())),
        ("other-pod", token("default", ["web-2", "8a"], same)),
        ("other-pod", token("default", ["web-1", "8a"], same)),
        ("other-namespace", token("shop", own, same)),
    ] {
        let mut liar = say_hello(&mut autoscaler, of_pod("web-1.7f"), None, token, here()).await;
        assert!(!is_welcome(&mut liar).await, "{reason}");
        let counted = format!("rouse_links_refused_total{{reason=\"{reason}\"}}");
        assert!(recorder.handle().render().contains(&counted), "{reason}: {}", recorder.handle().render());
    }
    let mut pod = say_hello(&mut autoscaler, of_pod("web-1.7f"), None, token("default", own, same), here()).await;
    assert!(is_welcome(&mut pod).await);
    let heard = autoscaler.heard().await;
    assert!(matches!(heard, Heard::Up(Up::Hello { token: None, .. })), "a token goes no further: {heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pod_may_come_before_the_platform_has_named_it_but_not_after_it_is_gone() {
    let (mut autoscaler, signer, second) = cluster();
    let token = Some(signer.sign(&claims(second, "default", "default", ["web-1", "7f"])));
    let pod = of_pod("web-1.7f");
    let mut early = say_hello(&mut autoscaler, pod.clone(), Some(hello()), token.clone(), here()).await;
    assert!(is_welcome(&mut early).await);
    drop(early);
    named(&autoscaler, "web-1.7f", Starting);
    named(&autoscaler, "web-1.7f", Gone);
    for workload in [None, Some(hello())] {
        let mut dead = say_hello(&mut autoscaler, pod.clone(), workload, token.clone(), here()).await;
        assert!(!is_welcome(&mut dead).await, "its token verifies still");
    }
    sleep(SECOND).await;
    assert_eq!(autoscaler.hub.links(), 0);
}

/// Whoever routes for this autoscaler, on a cluster where there is nothing to route.
fn router(autoscaler: &Autoscaler, signer: &Signer) -> Arc<Router> {
    Router::new(RouterParts {
        writes: Writes::new(Apiserver::with(&[signer]).client(), bounds::KUBE_API_QPS, bounds::KUBE_API_BURST),
        slices: ApiResource::erase::<EndpointSlice>(&()),
        hub: Arc::clone(&autoscaler.hub),
        teller: Teller::default(),
        wakes: mpsc::channel(1).0,
        clock: autoscaler.clock,
        settle: SECOND,
    })
}

/// Time passes, in which they let themselves be heard.
async fn live(clock: Clock, speakers: &mut [&mut Speaker], time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        for speaker in speakers.iter_mut() {
            speaker.say(&Up::Heartbeat { at: clock.now() }).await;
        }
        sleep(SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_a_pod_that_is_not_named_in_time_is_shut_out_and_one_that_is_stays() {
    let (mut autoscaler, signer, second) = cluster();
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let say = async |autoscaler: &mut Autoscaler, name: &str, uid: &str| {
        let token = Some(signer.sign(&claims(second, "default", "default", [name, uid])));
        say_hello(autoscaler, of_pod(&format!("{name}.{uid}")), Some(hello()), token, here()).await
    };
    let mut dead = say(&mut autoscaler, "dead", "1a").await;
    let mut new = say(&mut autoscaler, "new", "2b").await;
    assert!(is_welcome(&mut dead).await && is_welcome(&mut new).await, "nobody knows better yet");
    live(autoscaler.clock, &mut [&mut dead, &mut new], 2 * bounds::LINK_STRANGER).await;
    assert_eq!(autoscaler.hub.links(), 2, "the list of pods is still to come");
    router(&autoscaler, &signer).platform_is_complete();
    live(autoscaler.clock, &mut [&mut dead, &mut new], bounds::LINK_STRANGER - SECOND).await;
    assert_eq!(autoscaler.hub.links(), 2);
    named(&autoscaler, "new.2b", Starting);
    live(autoscaler.clock, &mut [&mut new], 2 * SECOND).await;
    assert_eq!(autoscaler.hub.links(), 1);
    assert!(recorder.handle().render().contains("rouse_links_refused_total{reason=\"no-such-pod\"} 1"));
    let mut again = say(&mut autoscaler, "dead", "1a").await;
    assert!(!is_welcome(&mut again).await, "it does not get as much time again");

    // From now on a pod is named a moment after it spoke; one of which the watch is late to tell is heard after that.
    let mut early = say(&mut autoscaler, "early", "3c").await;
    assert!(is_welcome(&mut early).await);
    sleep(SECOND).await;
    named(&autoscaler, "early.3c", Starting);
    named(&autoscaler, "dead.1a", Starting);
    live(autoscaler.clock, &mut [&mut new, &mut early], 2 * bounds::LINK_STRANGER).await;
    assert_eq!(autoscaler.hub.links(), 2);
    let mut late = say(&mut autoscaler, "dead", "1a").await;
    assert!(is_welcome(&mut late).await);
}

#[tokio::test(start_paused = true)]
async fn an_activator_is_one_by_its_service_account_in_our_namespace() {
    let (mut autoscaler, signer, second) = cluster();
    let mut verdict = async |namespace, service_account, pod| {
        let token = Some(signer.sign(&claims(second, namespace, service_account, [pod, "7f"])));
        let mut speaker = say_hello(&mut autoscaler, activator("activator-1"), None, token, here()).await;
        is_welcome(&mut speaker).await
    };
    assert!(verdict("rouse-system", "rouse-activator", "activator-1").await);
    assert!(!verdict("rouse-system", "rouse-activator", "activator-2").await);
    assert!(!verdict("rouse-system", "default", "activator-1").await);
    assert!(!verdict("shop", "rouse-activator", "activator-1").await);
}

#[tokio::test(start_paused = true)]
async fn by_address_a_pod_can_speak_for_nobody_but_itself() {
    let own = OwnPods::default();
    let mut autoscaler = Autoscaler::asking(1, Identity::Address(own.clone()));
    let at = |last: u8| IpAddr::from([10, 0, 0, last]);
    for (name, last) in [("x", 7), ("y", 8)] {
        let pod = Pod { address: (at(last), 8012).into(), ..pod(name, Starting) };
        autoscaler.hub.pod(autoscaler.clock.now(), pod);
    }
    own.set("a", Some(at(9)));
    for (reporter, peer, expected) in [
        (of_pod("x"), at(7), true),
        (of_pod("x"), at(8), false),
        (of_pod("y"), at(8), true),
        (of_pod("unnamed"), at(7), false),
        (activator("a"), at(9), true),
        (activator("a"), at(7), false),
        (activator("b"), at(9), false),
    ] {
        let mut speaker = say_hello(&mut autoscaler, reporter.clone(), None, None, peer).await;
        assert_eq!(is_welcome(&mut speaker).await, expected, "{reporter:?} from {peer}");
    }
    let Up::Hello { workload, .. } = hello_of(of_pod("unnamed"), 1, autoscaler.clock.now()) else { unreachable!() };
    let mut unnamed = say_hello(&mut autoscaler, of_pod("unnamed"), workload, None, at(7)).await;
    assert!(!is_welcome(&mut unnamed).await, "whatever it says of its workload");
}

/// An autoscaler with a port, over TLS, that asks for tokens; where it is, and what it trusts and is trusted by.
struct Port {
    hub: Arc<Hub>,
    heard: mpsc::Receiver<Heard>,
    clock: Clock,
    tls: Tls,
    address: String,
    tasks: JoinSet<()>,
}

async fn port(signer: &Signer) -> Port {
    let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let (pem, key) = (certificate.cert.pem(), certificate.signing_key.serialize_pem());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (clock, (sender, heard)) = (Clock::wall(), link::channel());
    let hub = Hub::new(clock, 1, bounds::SYNC_AFTER);
    hub.workload(&Arc::new(workload(hello())));
    let verifier = Verifier::new(Apiserver::with(&[signer]).client());
    let identity = Identity::Token { verifier, namespace: "rouse-system".into() };
    let accepting = accepting(pem.as_bytes(), key.as_bytes()).expect("a pair");
    let server = LinkServer::new(Arc::clone(&hub), clock, sender, Some(accepting), identity);
    let tls = Tls::trusting(pem.as_bytes(), &address).expect("a certificate");
    let mut tasks = JoinSet::new();
    tasks.spawn(server.listen(listener));
    Port { hub, heard, clock, tls, address, tasks }
}

#[tokio::test]
async fn a_pod_with_a_token_is_served_over_tls_and_its_reports_are_of_the_workload_that_it_is_told() {
    let signer = Signer::new("key");
    let second = Clock::machine_time().second();
    let Port { hub, mut heard, clock, tls, address: server, mut tasks } = port(&signer).await;
    let file = std::env::temp_dir().join(format!("rouse-who-speaks-{}", std::process::id()));
    std::fs::write(&file, signer.sign(&claims(second, "default", "default", ["web-1", "7f"]))).expect("a file");
    let (link, mut down, keep) = queue_proxy::link::open(LinkSettings {
        server,
        tls: Some(tls.introduced_by(file.clone())),
        reporter: of_pod("web-1.7f"),
        workload: None,
        address: address(),
        clock,
        network: Network::Tcp,
    });
    tasks.spawn(keep);
    sleep(SECOND / 10).await; // it is refused meanwhile, and comes again
    hub.pod(clock.now(), Pod { id: PodId::new("web-1.7f"), ..pod("web-1.7f", Starting) });
    let of = loop {
        match timeout(30 * SECOND, down.recv()).await.expect("it is welcome").expect("the Link is kept") {
            Down::Settings { workload, .. } => break workload,
            _ => continue,
        }
    };
    link.report(&of, Report { from: clock.now(), to: clock.now(), ..Report::default() });
    let reported = loop {
        match timeout(30 * SECOND, heard.recv()).await.expect("it is heard").expect("the server lives") {
            Heard::Up(Up::Report { workload, .. }) => break workload,
            _ => continue,
        }
    };
    assert_eq!(reported, hello());
    std::fs::remove_file(file).expect("it is there");
}
