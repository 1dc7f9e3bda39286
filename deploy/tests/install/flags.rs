//! Flags that are wrong, with what is said of them.

use crate::printed::rouse;

/// The first line that is said of wrong flags.
fn said(words: &[&str]) -> String {
    let (code, out, err) = rouse(words);
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    err.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn each_names_the_flag_the_value_and_what_is_allowed() {
    assert_eq!(
        said(&["manifests", "--kube-version", "1.19"]),
        "error: invalid value '1.19' for '--kube-version <VERSION>': Kubernetes 1.19 is too old: 1.20 is the oldest that \
         Rouse runs on"
    );
    assert_eq!(
        said(&["install", "--namespace", "Rouse"]),
        "error: invalid value 'Rouse' for '--namespace <NAMESPACE>': \"Rouse\" is no name of a namespace: at most 63 of \
         a-z, 0-9 and inner hyphens"
    );
    assert_eq!(
        said(&["install", "--kind", "Rollout"]),
        "error: invalid value 'Rollout' for '--kind <RESOURCE.GROUP>': \"Rollout\" is not a kind: write RESOURCE.GROUP, \
         with the plural, as in rollouts.argoproj.io"
    );
    assert_eq!(
        said(&["install", "--activators", "0"]),
        "error: invalid value '0' for '--activators <ACTIVATORS>': 0 is not in 1..=1000"
    );
    assert_eq!(
        said(&["uninstall", "--wait", "soon"]),
        "error: invalid value 'soon' for '--wait <DURATION>': \"soon\" is not a duration: write it as Go does, 300s or 5m"
    );
}
