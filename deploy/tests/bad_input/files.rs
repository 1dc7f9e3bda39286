//! Files that are wrong: `rouse check` says all that is, `rouse run` starts nothing.

use std::io::Write;

use crate::rouse::{Ended, Folder};

/// A Deployment with these annotations.
fn deployment(name: &str, annotations: &[(&str, &str)]) -> String {
    let annotations: String = annotations.iter().map(|(key, value)| format!("    {key}: \"{value}\"\n")).collect();
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  annotations:\n{annotations}spec:\n  \
         template: {{ spec: {{ containers: [{{ command: [rouse, sample] }}] }} }}\n---\n"
    )
}

/// What `rouse check` says of one file that is right.
#[track_caller]
fn accepted(text: &str, said: &str) {
    let expected = Ended { code: Some(0), out: said.to_owned(), err: String::new() };
    assert_eq!(Folder::with(text).rouse(&["check", "app.yaml"]), expected);
}

/// What `rouse check` and `rouse run` say of one file that is wrong.
#[track_caller]
fn refused(text: &str, said: &str) {
    let folder = Folder::with(text);
    let checked = folder.rouse(&["check", "app.yaml"]);
    assert_eq!(checked, Ended { code: Some(2), out: said.to_owned(), err: String::new() });
    let ran = folder.rouse(&["run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "app.yaml"]);
    assert_eq!(ran, Ended { code: Some(2), out: String::new(), err: said.to_owned() });
}

const HELLO_IS_OK: &str = "app.yaml: Deployment default/hello: ok, at hello.default, hello.default.localhost, \
                           hello.default.svc, hello.default.svc.cluster.local, hello.localhost\n";

#[test]
fn an_annotation_that_rouse_does_not_know_is_an_error_among_its_own() {
    refused(
        &deployment("hello", &[("rouse.dev/timeot", "5s")]),
        "app.yaml: Deployment default/hello: rouse.dev/timeot: is not a word of Rouse; did you mean \
         rouse.dev/timeout?\n",
    );
}

#[test]
fn one_that_knative_does_not_know_is_a_warning() {
    accepted(
        &deployment("hello", &[("autoscaling.knative.dev/windw", "10s")]),
        &format!(
            "warning: app.yaml: Deployment default/hello: autoscaling.knative.dev/windw: is not a known annotation \
             and is ignored; did you mean autoscaling.knative.dev/window?\n{HELLO_IS_OK}"
        ),
    );
}

#[test]
fn a_value_out_of_range_is_told_with_the_range() {
    refused(
        &deployment("hello", &[("autoscaling.knative.dev/window", "5s")]),
        "app.yaml: Deployment default/hello: autoscaling.knative.dev/window: \"5s\" is out of range: it must be from \
         6s to 1h0m0s\n",
    );
}

#[test]
fn all_errors_of_all_objects_are_told_together() {
    let hello = [("rouse.dev/timeout", "soon"), ("rouse.dev/mode", "fast"), ("autoscaling.knative.dev/target", "-1")];
    refused(
        &(deployment("hello", &hello) + &deployment("other", &[("autoscaling.knative.dev/min-scale", "many")])),
        "app.yaml: Deployment default/hello: rouse.dev/timeout: \"soon\" is not a duration: write it as Go does, 300s or \
         5m\napp.yaml: Deployment default/hello: autoscaling.knative.dev/target: \"-1\" is too small: it must be 0.01 \
         or more\napp.yaml: Deployment default/hello: rouse.dev/mode: \"fast\" is not a mode: it must be default or \
         knative\napp.yaml: Deployment default/other: autoscaling.knative.dev/min-scale: \"many\" is not a whole \
         number, 0 or more\n",
    );
}

#[test]
fn one_host_cannot_lead_to_two_workloads() {
    let host = [("rouse.dev/hosts", "shop.example.com")];
    refused(
        &(deployment("hello", &host) + &deployment("other", &host)),
        "app.yaml: Deployment default/other: host: \"shop.example.com\" is also that of app.yaml: Deployment \
         default/hello: a host leads to one workload\n",
    );
}

#[test]
fn what_is_not_yaml_is_told_with_line_and_column() {
    refused("kind: [\n", "app.yaml: is not valid YAML: unclosed bracket '[' at line 1, column 7\n");
}

#[test]
fn a_container_without_a_command_cannot_run_here() {
    refused(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: hello }\nspec: { template: { spec: { containers: [{ \
         image: nginx }] } } }\n",
        "app.yaml: Deployment default/hello: spec.template.spec.containers[0].command: is missing: image is not run \
         on one machine; give a command\n",
    );
}

#[test]
fn a_file_that_is_missing_is_told_as_such() {
    let said = "app.yaml: cannot be read: No such file or directory (os error 2)\n";
    let folder = Folder::new();
    let checked = folder.rouse(&["check", "app.yaml"]);
    assert_eq!(checked, Ended { code: Some(2), out: said.to_owned(), err: String::new() });
    let ran = folder.rouse(&["run", "app.yaml"]);
    assert_eq!(ran, Ended { code: Some(2), out: String::new(), err: said.to_owned() });
}

#[test]
fn a_file_that_is_no_text_is_told_as_such() {
    let folder = Folder::new();
    let mut file = std::fs::File::create(folder.path().join("app.yaml")).unwrap();
    file.write_all(&[0xff, 0xfe, 0x00]).unwrap();
    let checked = folder.rouse(&["check", "app.yaml"]);
    let said = "app.yaml: cannot be read: stream did not contain valid UTF-8\n";
    assert_eq!(checked, Ended { code: Some(2), out: said.to_owned(), err: String::new() });
}

#[test]
fn files_without_a_workload_are_right_but_serve_nothing() {
    accepted(
        "apiVersion: v1\nkind: Service\nmetadata: { name: hello }\nspec: { ports: [{ port: 80 }] }\n",
        "warning: app.yaml: Service default/hello: is not served: its selector matches no workload of these files\n\
         warning: the files declare no workload: nothing to serve\n",
    );
    accepted("", "warning: the files declare no workload: nothing to serve\n");
}

/// A ScaledObject of the Deployment `hello`, with one parameter of its trigger.
fn scaled(parameter: &str) -> String {
    deployment("hello", &[])
        + "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: { name: hello }\nspec:\n  scaleTargetRef: { name: \
           hello }\n  triggers: [{ type: redis, metadata: { address: \"redis:6379\", listName: jobs, "
        + parameter
        + " } }]\n"
}

#[test]
fn a_scaled_object_is_checked_with_the_parameters_of_its_triggers() {
    accepted(
        &scaled("listLength: \"5\""),
        "app.yaml: Deployment default/hello: ok, for triggers only: no Service is its\n\
         app.yaml: ScaledObject default/hello: ok, on redis\n",
    );
    refused(
        &scaled("listLength: five"),
        "app.yaml: ScaledObject default/hello: spec.triggers[0].metadata.listLength: \"five\" is not a whole number\n",
    );
}
