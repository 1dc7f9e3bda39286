//! Lists of pods in a file: what is read, and the whole message of what is wrong.

use config::manifest::{self, ListedPod, Manifests};
use config::problem::Problems;

const HELLO: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: hello }\nspec: { template: { spec: { \
                     containers: [{ command: [run] }] } } }\n";

fn read(list: &str) -> Result<Manifests, Problems> {
    manifest::read(&[("town.yaml".to_owned(), format!("{HELLO}---\n{list}"))])
}

fn problems(list: &str) -> Vec<String> {
    let problems = read(&format!("apiVersion: rouse.dev/v1\nkind: Pods\n{list}")).expect_err("it is refused");
    problems.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn pods_are_read_as_listed() {
    let list = "apiVersion: rouse.dev/v1\nkind: Pods\nworkload: hello\npods:\n- { name: a, address: '127.0.0.1:20001' \
                }\n- { name: b }\n- { name: c, address: '[::1]:9', queueProxy: false }\n";
    let manifests = read(list).expect("all is right");
    let pod = |name: &str, address: Option<&str>, queue_proxy| ListedPod {
        name: name.to_owned(),
        address: address.map(|address| address.parse().expect("an address")),
        queue_proxy,
    };
    assert_eq!(manifests.warnings, []);
    assert_eq!(manifests.pods[0].workload.to_string(), "default/Deployment/hello");
    let expected = [pod("a", Some("127.0.0.1:20001"), true), pod("b", None, true), pod("c", Some("[::1]:9"), false)];
    assert_eq!(manifests.pods[0].pods, expected);
}

#[test]
fn each_wrong_pod_is_named_with_its_key_and_what_is_allowed() {
    let list = "workload: hello\npods:\n- { name: a, address: nowhere }\n- { address: '127.0.0.1:1' }\n- { name: a, \
                queueProxy: maybe, address: '127.0.0.1:2' }\n- { name: d, queueProxy: false }\n- { name: e, address: \
                '127.0.0.1:2' }\n";
    let here = |message: &str| format!("town.yaml: Pods default/Deployment/hello: {message}");
    assert_eq!(
        problems(list),
        [
            here("pods[0].address: \"nowhere\" is not an address: write IP:PORT, 127.0.0.1:20001 or [::1]:20001"),
            here("pods[1].name: is missing: every pod needs a name"),
            here("pods[2].name: \"a\" is listed twice: also in Pods default/Deployment/hello"),
            here("pods[2].queueProxy: \"maybe\" is not true or false"),
            here("pods[3].address: is missing: a pod without a queue-proxy cannot say where it serves"),
            here("pods[4].address: \"127.0.0.1:2\" is also the address of a"),
        ]
    );
}

#[test]
fn a_list_belongs_to_a_workload_of_the_same_files_and_there_is_one_of_each() {
    assert_eq!(
        problems("workload: other\npods: []\n"),
        ["town.yaml: Pods default/Deployment/other: workload: \"default/Deployment/other\" is not declared: there is \
          default/Deployment/hello"]
    );
    assert_eq!(
        problems("pods: []\n"),
        ["town.yaml: document 2: workload: is missing: a list of pods names their workload"]
    );
    assert_eq!(
        problems("workload: a//b\n"),
        ["town.yaml: document 2: workload: \"a//b\" is not a workload: write NAME, NAMESPACE/NAME or \
          NAMESPACE/KIND/NAME"]
    );
    let twice = "workload: hello\npods: []\n---\napiVersion: rouse.dev/v1\nkind: Pods\nworkload: hello\n";
    assert_eq!(problems(twice), ["town.yaml: Pods default/Deployment/hello: is declared twice: also in town.yaml"]);
}

#[test]
fn fifty_thousand_pods_are_read() {
    let pods = (0..50_000).map(|n| {
        format!(
            "- {{ name: pod-{n}, address: '127.{}.{}.{}:8012', queueProxy: true }}\n",
            n >> 16,
            n >> 8 & 255,
            n & 255
        )
    });
    let list = format!("apiVersion: rouse.dev/v1\nkind: Pods\nworkload: hello\npods:\n{}", pods.collect::<String>());
    assert_eq!(read(&list).expect("all is right").pods[0].pods.len(), 50_000);
}
