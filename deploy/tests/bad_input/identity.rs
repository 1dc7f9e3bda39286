//! Flags about who may report.

use crate::rouse::{Ended, Folder};

#[test]
fn without_a_cluster_nobody_can_be_asked_who_they_are() {
    for kind in ["token", "address"] {
        let flags = ["autoscaler", "--platform", "static:pods.yaml", "--reporter-identity", kind];
        let err = format!(
            "--reporter-identity: \"{kind}\" needs a cluster: with --platform static:FILE only none is allowed\n"
        );
        assert_eq!(Folder::new().rouse(&flags), Ended { code: Some(2), out: String::new(), err });
    }
}

#[test]
fn a_token_goes_to_nobody_whose_certificate_is_not_asked_for() {
    let flags = ["activator", "--autoscaler", "127.0.0.1:1", "--name", "a", "--link-token", "token"];
    let ended = Folder::new().rouse(&flags);
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("--link-ca <LINK_CA>"), "{}", ended.err);
}
