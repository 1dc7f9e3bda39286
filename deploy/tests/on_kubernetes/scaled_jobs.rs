//! ScaledJobs on a cluster: which Jobs are created and deleted, and what is written besides.

use serde_json::{Value, json};

use crate::apiserver::{Apiserver, Asked};
use crate::cluster::{HELLO, PODS};
use crate::driven::Town;
use crate::keda::{cron, town};

const REPORT: &str = "/apis/keda.sh/v1alpha1/namespaces/shop/scaledjobs/report";
const JOBS: &str = "/apis/batch/v1/namespaces/shop/jobs";

/// Three Jobs are asked for in each round, which is every five seconds.
fn report() -> Value {
    let container = json!({ "name": "app", "image": "app", "env": [{ "name": "REDIS", "value": "127.0.0.1:1" }] });
    json!({
        "metadata": {
            "uid": "sj-1", "generation": 1, "labels": { "team": "books", "internal": "yes" },
            "annotations": { "scaledjob.keda.sh/job-excluded-labels": "internal" },
        },
        "spec": {
            "jobTargetRef": { "backoffLimit": 2, "template": { "spec": { "containers": [container] } } },
            "pollingInterval": 5, "triggers": [cron()],
        },
    })
}

/// The same with something else in its spec.
fn with(spec: &Value) -> Value {
    let mut report = report();
    for (field, value) in spec.as_object().into_iter().flatten() {
        report["spec"][field] = value.clone();
    }
    report
}

async fn serving(report: Value) -> (Apiserver, Town) {
    let apiserver = Apiserver::default();
    apiserver.put(REPORT, report);
    let town = town(apiserver.clone(), &[]).await;
    (apiserver, town)
}

/// A Job of `report`'s of this generation, which may have ended so at this second.
fn job(generation: u32, ended: Option<(&str, u32)>) -> Value {
    let ended = ended.map(|(kind, second)| {
        let at = format!("2026-01-02T03:04:{second:02}Z");
        json!({ "conditions": [{ "type": kind, "status": "True", "lastTransitionTime": at }] })
    });
    json!({
        "metadata": {
            "labels": { "scaledjob.keda.sh/name": "report" },
            "annotations": { "scaledjob.keda.sh/generation": generation.to_string() },
        },
        "spec": {}, "status": ended,
    })
}

fn names(apiserver: &Apiserver) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    apiserver.all(&format!("{JOBS}/")).iter().map(|job| text(&job["metadata"]["name"])).collect()
}

fn complete(apiserver: &Apiserver, name: &str) {
    let ended = job(1, Some(("Complete", 5)))["status"].clone();
    apiserver.change(&format!("{JOBS}/{name}"), |job| job["status"] = ended);
}

/// Writes since the last call, but for events: how many Jobs were created, which were deleted, how often a status was.
fn writes(apiserver: &Apiserver) -> (usize, Vec<String>, usize) {
    let all = apiserver.writes();
    let of = |method: &str, start: &str| {
        let is_it = |asked: &&Asked| asked.method == method && asked.path.starts_with(start);
        all.iter().filter(is_it).map(|asked| asked.path.clone()).collect::<Vec<_>>()
    };
    let deleted = of("DELETE", JOBS).iter().map(|path| path[JOBS.len() + 1..].to_owned()).collect();
    let others = all.iter().filter(|asked| !asked.path.contains("/jobs") && !asked.path.contains("/events"));
    let statuses = of("PATCH", &format!("{REPORT}/status")).len();
    assert_eq!(others.count(), statuses, "{all:?}");
    (of("POST", JOBS).len(), deleted, statuses)
}

/// How many of these writes there were since the last look at any.
fn writes_of(apiserver: &Apiserver, method: &str, path: &str) -> usize {
    apiserver.writes().iter().filter(|asked| asked.method == method && asked.path.starts_with(path)).count()
}

fn condition(apiserver: &Apiserver, kind: &str) -> (String, String, String) {
    let report = apiserver.get(REPORT).expect("it is there");
    let all = report["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|condition| condition["type"] == kind).cloned().unwrap_or_default();
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"), text("message"))
}

fn reasons(town: &Town) -> Vec<String> {
    let mut reasons: Vec<String> = town.events().into_iter().map(|(reason, ..)| reason).collect();
    reasons.sort();
    reasons
}

#[tokio::test(start_paused = true)]
async fn as_many_jobs_are_created_as_are_asked_for_and_none_twice() {
    let (apiserver, town) = serving(report()).await;
    town.wait(60.0).await;
    assert_eq!(names(&apiserver).len(), 3);
    assert_eq!(writes(&apiserver), (3, vec![], 1));
    assert_eq!(reasons(&town), ["KEDAJobsCreated", "ScaledJobActive", "ScaledJobReady"]);
    let (ready, active) = (condition(&apiserver, "Ready"), condition(&apiserver, "Active"));
    assert_eq!((ready.0.as_str(), ready.1.as_str()), ("True", "ScaledJobReady"));
    assert_eq!((active.0.as_str(), active.1.as_str()), ("True", "ScalerActive"));
    apiserver.requests();
    town.wait(600.0).await;
    assert_eq!(writes(&apiserver), (0, vec![], 0), "they run");

    complete(&apiserver, &names(&apiserver)[1]);
    town.wait(10.0).await;
    assert_eq!(writes(&apiserver), (1, vec![], 0), "one is done, and three are asked for still");
}

#[tokio::test(start_paused = true)]
async fn they_may_come_to_be_defined_later_and_scaled_objects_go_on() {
    let apiserver = Apiserver::default();
    apiserver.undefine(&["scaledjobs", "scaledjobs/status"]);
    apiserver.put(REPORT, report());
    let town = town(apiserver.clone(), &[]).await;
    town.wait(120.0).await;
    let watched = |kind: &str| apiserver.requests().iter().filter(|asked| asked.path.ends_with(kind)).count();
    assert!(watched("/scaledobjects") > 0);
    apiserver.undefine(&[]);
    town.wait(65.0).await;
    assert_eq!(names(&apiserver).len(), 3);
    assert_eq!(watched("/scaledobjects"), 0, "nobody asked for them again");
    apiserver.undefine(&["scaledjobs", "scaledjobs/status"]);
    town.wait(65.0).await;
    apiserver.writes();
    complete(&apiserver, &names(&apiserver)[0]);
    town.wait(120.0).await;
    assert_eq!(apiserver.writes(), [], "they are served no more");
}

#[tokio::test(start_paused = true)]
async fn a_backlog_of_jobs_keeps_nobody_waiting_who_is_to_be_woken() {
    let mut many = cron();
    many["metadata"]["desiredReplicas"] = "1000".into();
    let many = with(&json!({ "triggers": [many], "maxReplicaCount": 1000 }));
    let apiserver = Apiserver::default();
    for name in ["a", "b", "c", "d"] {
        apiserver.put(&format!("/apis/keda.sh/v1alpha1/namespaces/shop/scaledjobs/{name}"), many.clone());
    }
    let town = town(apiserver.clone(), &[]).await;
    town.wait(5.0).await;
    let created = writes_of(&apiserver, "POST", JOBS);
    assert!((100..900).contains(&created), "{created}: there are more to come than may be written at once");
    let mut object = json!({ "metadata": { "uid": "so-1" }, "spec": { "scaleTargetRef": { "name": "hello" } } });
    object["spec"]["triggers"] = json!([cron()]);
    apiserver.put("/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects/hello", object);
    town.wait(2.0).await;
    let all = apiserver.writes();
    let scaled = all.iter().position(|asked| asked.path == format!("{HELLO}/scale")).expect("it is woken");
    let before = all[..scaled].iter().filter(|asked| asked.path.starts_with(JOBS)).count();
    // As many as are created while its trigger is read; the four wait with sixteen Jobs each.
    assert!(before < 16, "{before} Jobs were created before it");
    assert!(all[scaled..].iter().any(|asked| asked.path.starts_with(JOBS)), "and others after it");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_comes_and_goes_while_others_are_created_is_expected_no_more() {
    let apiserver = Apiserver::default();
    let mut many = cron();
    many["metadata"]["desiredReplicas"] = "20".into();
    apiserver.put(REPORT, with(&json!({ "triggers": [many] })));
    // The first is done and deleted by the time that the second is created, and there are more to come.
    apiserver.meanwhile(&format!("POST {JOBS}"), |_| {});
    apiserver.meanwhile(&format!("POST {JOBS}"), |store| {
        let first = store.all(&format!("{JOBS}/"))[0]["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        store.delete(&format!("{JOBS}/{first}"));
    });
    let town = town(apiserver.clone(), &[]).await;
    let created = writes(&apiserver).0;
    assert!((20..=21).contains(&created), "{created}: two rounds may have been due");
    town.wait(10.0).await;
    let all = (created + writes(&apiserver).0, names(&apiserver).len());
    assert_eq!(all, (21, 20), "nobody waits for one that was there");
}

#[tokio::test(start_paused = true)]
async fn a_job_is_what_its_scaled_job_says_and_belongs_to_it() {
    let (apiserver, town) = serving(report()).await;
    town.wait(5.0).await;
    let name = names(&apiserver)[0].clone();
    let made = apiserver.get(&format!("{JOBS}/{name}")).expect("it is there");
    assert!(name.starts_with("report-") && name.len() == "report-".len() + 5, "{name}");
    let mut spec = report()["spec"]["jobTargetRef"].clone();
    spec["template"]["spec"]["restartPolicy"] = "OnFailure".into();
    assert_eq!(made["spec"], spec);
    let labels = json!({
        "app.kubernetes.io/name": "report", "app.kubernetes.io/part-of": "report",
        "app.kubernetes.io/managed-by": "rouse.dev", "scaledjob.keda.sh/name": "report", "team": "books",
    });
    assert_eq!(made["metadata"]["labels"], labels);
    assert_eq!(made["metadata"]["annotations"]["scaledjob.keda.sh/generation"], "1");
    let owner = json!([{
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledJob", "name": "report", "uid": "sj-1", "controller": true,
        "blockOwnerDeletion": true,
    }]);
    assert_eq!(made["metadata"]["ownerReferences"], owner);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_jobs_that_there_are_count_and_before_they_are_known_none_is_created() {
    let (apiserver, town) = serving(report()).await;
    town.wait(10.0).await;
    drop(town);
    writes(&apiserver);
    apiserver.fail("GET /apis/batch/v1/jobs", 500);
    complete(&apiserver, &names(&apiserver)[0]);
    let town = crate::keda::town(apiserver.clone(), &[]).await;
    town.wait(60.0).await;
    assert_eq!(writes(&apiserver), (0, vec![], 0));
    apiserver.mend();
    town.wait(20.0).await;
    assert_eq!(writes(&apiserver), (1, vec![], 0), "two run");
}

#[tokio::test(start_paused = true)]
async fn jobs_that_ended_are_kept_as_far_as_the_limits_go() {
    let apiserver = Apiserver::default();
    let mut report = with(&json!({ "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 2 }));
    report["metadata"]["annotations"]["autoscaling.keda.sh/paused"] = "true".into();
    apiserver.put(REPORT, report);
    for (name, kind, second) in [
        ("a", "Complete", 1),
        ("b", "Complete", 3),
        ("c", "Complete", 2),
        ("x", "Failed", 3),
        ("y", "Failed", 1),
        ("z", "Failed", 2),
    ] {
        apiserver.put(&format!("{JOBS}/{name}"), job(1, Some((kind, second))));
    }
    apiserver.put(&format!("{JOBS}/other"), json!({ "metadata": {}, "status": {} }));
    apiserver.fail(&format!("DELETE {JOBS}/a"), 500);
    let town = town(apiserver.clone(), &[]).await;
    town.wait(1.0).await;
    apiserver.mend();
    let asked = apiserver.requests();
    let policies = asked.iter().filter(|asked| asked.method == "DELETE").map(|asked| &asked.body["propagationPolicy"]);
    assert!(policies.clone().count() >= 3 && policies.clone().all(|policy| policy == "Background"), "{asked:?}");
    town.wait(30.0).await;
    assert_eq!(names(&apiserver), ["b", "other", "x", "z"], "what cannot be deleted is tried again");
    let done = writes(&apiserver).1;
    assert!(done.len() <= 3, "{done:?}");
    town.wait(600.0).await;
    assert_eq!(writes(&apiserver), (0, vec![], 0));
}

#[tokio::test(start_paused = true)]
async fn an_edit_deletes_the_jobs_of_the_older_spec_unless_that_is_to_be_gradual() {
    for (rollout, policy) in [
        (json!({}), Some("Background")),
        (json!({ "propagationPolicy": "foreground" }), Some("Foreground")),
        (json!({ "strategy": "gradual" }), None),
    ] {
        let (apiserver, town) = serving(with(&json!({ "rollout": rollout }))).await;
        town.wait(10.0).await;
        let first = names(&apiserver);
        complete(&apiserver, &first[0]);
        town.wait(10.0).await;
        let before = names(&apiserver);
        assert_eq!(before.len(), 4);
        apiserver.requests();
        apiserver.change(REPORT, |report| {
            report["metadata"]["generation"] = 2.into();
            report["spec"]["jobTargetRef"]["backoffLimit"] = 3.into();
        });
        town.wait(4.0).await;
        let asked = apiserver.requests();
        let deleted: Vec<&Asked> = asked.iter().filter(|asked| asked.method == "DELETE").collect();
        let after = names(&apiserver);
        let Some(policy) = policy else {
            assert_eq!((deleted.len(), &after), (0, &before));
            continue;
        };
        assert_eq!(deleted.len(), 3, "one is done, and stays");
        assert!(deleted.iter().all(|asked| asked.body["propagationPolicy"] == policy), "{deleted:?}");
        assert_eq!(after.len(), 4, "three others are there without waiting for the next poll");
        let old = after.iter().filter(|name| before.contains(name)).collect::<Vec<_>>();
        assert_eq!(old, [&first[0]]);
        assert!(reasons(&town).contains(&"ScaledJobRolloutCleanupStarted".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn while_it_is_paused_none_is_created() {
    let mut paused = report();
    paused["metadata"]["annotations"]["autoscaling.keda.sh/paused"] = "true".into();
    let (apiserver, town) = serving(paused).await;
    town.wait(60.0).await;
    assert_eq!(writes(&apiserver), (0, vec![], 1));
    assert_eq!(condition(&apiserver, "Paused").1, "ScaledJobPaused");
    apiserver.change(REPORT, |report| report["metadata"]["annotations"] = json!({}));
    town.wait(60.0).await;
    assert_eq!(writes(&apiserver), (3, vec![], 1));
    assert_eq!(condition(&apiserver, "Paused").1, "ScaledJobUnpaused");
    town.wait(600.0).await;
    assert_eq!(writes(&apiserver), (0, vec![], 0));
}

#[tokio::test(start_paused = true)]
async fn a_pause_does_not_wait_for_the_rest_of_a_backlog() {
    let mut backlog = with(&json!({ "maxReplicaCount": 2000 }));
    backlog["spec"]["triggers"][0]["metadata"]["desiredReplicas"] = json!("2000");
    let (apiserver, town) = serving(backlog).await;
    town.wait(10.0).await;
    let before = names(&apiserver).len();
    assert!((100..1_500).contains(&before), "{before}: as fast as writes may be");
    apiserver
        .change(REPORT, |report| report["metadata"]["annotations"] = json!({ "autoscaling.keda.sh/paused": "true" }));
    town.wait(600.0).await;
    let after = names(&apiserver).len();
    assert!(after < before + 100, "{before}, and {after} at last");
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_most_run_and_at_least_the_least() {
    let (apiserver, town) = serving(with(&json!({ "maxReplicaCount": 2 }))).await;
    town.wait(60.0).await;
    assert_eq!(names(&apiserver).len(), 2);
    drop(town);
    let mut idle = with(&json!({ "minReplicaCount": 1 }));
    idle["spec"]["triggers"][0]["metadata"]["end"] = "1 0 1 1 *".into();
    let (apiserver, town) = serving(idle).await;
    town.wait(60.0).await;
    assert_eq!(names(&apiserver).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn jobs_whose_pods_have_yet_to_run_count_where_the_strategy_asks() {
    let scaling = json!({ "strategy": "accurate", "pendingPodConditions": ["Ready", "PodScheduled"] });
    for conditions in [false, true] {
        let mut accurate = with(&json!({ "scalingStrategy": scaling }));
        if !conditions {
            accurate["spec"]["scalingStrategy"]["pendingPodConditions"] = json!([]);
        }
        let (apiserver, town) = serving(accurate).await;
        town.wait(60.0).await;
        assert_eq!(writes(&apiserver).0, 3, "none of them has begun");
        let name = names(&apiserver)[0].clone();
        let pod = |status: Value| json!({ "metadata": { "labels": { "job-name": name } }, "status": status });
        let is = |kind: &str| json!({ "type": kind, "status": "True" });
        let path = format!("{PODS}/{name}-1");
        apiserver.put(&path, pod(json!({ "phase": "Pending", "conditions": [is("PodScheduled")] })));
        town.wait(60.0).await;
        assert_eq!(writes(&apiserver).0, 0);
        apiserver.put(&path, pod(json!({ "phase": "Running", "conditions": [is("PodScheduled")] })));
        town.wait(60.0).await;
        assert_eq!(writes(&apiserver).0, usize::from(!conditions), "one runs");
        apiserver.put(&path, pod(json!({ "phase": "Running", "conditions": [is("Ready"), is("PodScheduled")] })));
        town.wait(60.0).await;
        assert_eq!(writes(&apiserver).0, usize::from(conditions), "one is ready");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_refused_is_tried_again_ever_later_and_told_of() {
    let apiserver = Apiserver::default();
    apiserver.put(REPORT, report());
    apiserver.fail(&format!("POST {JOBS}"), 403);
    let town = town(apiserver.clone(), &[]).await;
    town.wait(600.0).await;
    let (tried, _, statuses) = writes(&apiserver);
    assert!((6..=10).contains(&tried), "{tried} in ten minutes");
    assert_eq!(statuses, 1);
    let ready = ("False".to_owned(), "KEDAJobCreateFailed".to_owned(), "it was told to fail (403)".to_owned());
    assert_eq!(condition(&apiserver, "Ready"), ready);
    assert_eq!(reasons(&town), ["KEDAJobCreateFailed", "ScaledJobActive"]);
    apiserver.mend();
    town.wait(310.0).await;
    assert_eq!(writes(&apiserver), (3, vec![], 1));
    assert_eq!(condition(&apiserver, "Ready").1, "ScaledJobReady");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_may_have_been_created_counts_until_it_should_have_been_seen() {
    let apiserver = Apiserver::default();
    apiserver.put(REPORT, report());
    apiserver.fail(&format!("POST {JOBS}"), 504);
    let town = town(apiserver.clone(), &[]).await;
    town.wait(0.5).await;
    apiserver.mend();
    let tried = writes(&apiserver).0;
    assert!((1..=2).contains(&tried), "{tried}: two rounds may have been due");
    town.wait(200.0).await;
    assert_eq!(names(&apiserver).len(), 3 - tried, "the others may be there");
    town.wait(150.0).await;
    assert_eq!(names(&apiserver).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn parameters_come_from_the_variables_of_its_own_pods() {
    let mut by_env = report();
    let metadata = json!({ "addressFromEnv": "REDIS", "listName": "reports" });
    by_env["spec"]["triggers"] = json!([{ "type": "redis", "metadata": metadata }]);
    let (apiserver, town) = serving(by_env).await;
    town.wait(30.0).await;
    assert_eq!(condition(&apiserver, "Ready").1, "TriggerError", "there is no such server");
    apiserver.change(REPORT, |report| {
        report["spec"]["triggers"][0]["metadata"]["addressFromEnv"] = "RADIS".into();
    });
    town.wait(60.0).await;
    let (_, reason, message) = condition(&apiserver, "Ready");
    assert_eq!(reason, "ScaledJobCheckFailed");
    assert!(message.contains("RADIS"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_wrong_says_so_and_what_was_good_goes_on() {
    let (apiserver, town) = serving(report()).await;
    town.wait(60.0).await;
    apiserver.change(REPORT, |report| report["spec"]["triggers"][0]["type"] = "crom".into());
    complete(&apiserver, &names(&apiserver)[0]);
    town.wait(60.0).await;
    let (_, reason, message) = condition(&apiserver, "Ready");
    assert_eq!(reason, "ScaledJobCheckFailed");
    assert!(message.contains("did you mean cron?"), "{message}");
    assert_eq!(names(&apiserver).len(), 4);
    apiserver.delete(REPORT);
    writes_end(&apiserver, &town).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_one_is_told_as_on_one_machine_until_it_is_gone() {
    let mut accurate = with(&json!({ "scalingStrategy": { "strategy": "accurate" } }));
    accurate["spec"]["triggers"] =
        json!([cron(), { "type": "redis", "metadata": { "address": "127.0.0.1:1", "listName": "a" } }]);
    let (apiserver, town) = serving(accurate).await;
    town.wait(30.0).await;
    let first = names(&apiserver)[0].clone();
    let ended = json!({ "conditions": [{ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
        "message": "it has failed too often", "lastTransitionTime": "2026-01-02T03:05:05Z" }] });
    apiserver.change(&format!("{JOBS}/{first}"), |job| {
        job["metadata"]["creationTimestamp"] = "2026-01-02T03:04:05Z".into();
        job["status"] = ended;
    });
    apiserver.fail(&format!("POST {JOBS}"), 403);
    town.wait(10.0).await;

    let all = town.jobs.all(town.parts.clock.now());
    let [report] = &all[..] else { panic!("{all:?}") };
    assert_eq!((report.object.as_str(), report.strategy, report.active), ("ScaledJob shop/report", "accurate", true));
    assert_eq!((report.triggers[0].value, report.triggers[0].active), (Some(3.0), true));
    assert!(report.triggers[1].error.is_some(), "nobody is there");
    let decided = report.decided.as_ref().expect("they were read");
    assert_eq!((decided.running, decided.pending, decided.wanted), (2, 2, 1));
    let because = "3 waiting, for 3 Jobs; 2 running, 2 of them pending; at most 100; it was told to fail (403)";
    assert_eq!(decided.because, because);
    let states: Vec<&str> = report.jobs.iter().map(|job| job.state).collect();
    assert_eq!(states, ["pending", "pending", "failed"], "as their pods have yet to run");
    let failed = &report.jobs[2];
    let why = "BackoffLimitExceeded: it has failed too often".to_owned();
    assert_eq!((&failed.name, failed.seconds, &failed.failure), (&first, 60.0, &Some(why)));

    apiserver.delete(REPORT);
    town.wait(1.0).await;
    assert_eq!(town.jobs.all(town.parts.clock.now()), []);
}

/// Nothing more is created.
async fn writes_end(apiserver: &Apiserver, town: &Town) {
    town.wait(1.0).await;
    names(apiserver).iter().for_each(|name| complete(apiserver, name));
    apiserver.writes();
    town.wait(60.0).await;
    assert!(apiserver.writes().iter().all(|asked| !asked.path.starts_with(JOBS)));
}
