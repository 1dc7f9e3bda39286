//! What the default mode costs beside Knative's algorithm, on the load curves of Knative's vectors and some more: pod-seconds,
//! seconds with more load than ready pods can carry, and reversals.
//!
//! `cargo run -p autoscaler --example trajectories`
#![expect(clippy::print_stdout, reason = "it has nothing else to say it with")]

#[expect(dead_code, reason = "the tests of these curves use more of it")]
#[path = "../tests/trajectories/curve.rs"]
mod curve;
#[path = "../tests/trajectories/replay.rs"]
mod replay;

use config::Mode;

fn main() {
    println!("{:40} {:>15} {:>15} {:>15}", "", "pod-seconds", "s overloaded", "reversals");
    println!("{:40} {}", "curve", "  Knative  Rouse".repeat(3));
    let (mut better, mut worse, mut all) = (0, 0, 0);
    for curve in curve::curves() {
        let knative = curve.replay(&curve.policy(Mode::Knative));
        let ours = curve.replay(&curve.policy(Mode::Default));
        let pods = ours.pod_seconds.cmp(&knative.pod_seconds);
        let load = ours.overloaded.cmp(&knative.overloaded);
        let verdict = match (pods.is_gt(), load.is_gt()) {
            (true, true) => "worse",
            (false, false) if pods.is_lt() || load.is_lt() => "better",
            (false, false) => "same",
            _ => "other",
        };
        all += 1;
        better += usize::from(verdict == "better");
        worse += usize::from(verdict == "worse");
        println!(
            "{:40} {:9}{:7} {:9}{:7} {:9}{:7}  {verdict}",
            curve.id,
            knative.pod_seconds,
            ours.pod_seconds,
            knative.overloaded,
            ours.overloaded,
            knative.reversals,
            ours.reversals,
        );
    }
    println!("{better} of {all} cost less of one and no more of the other; {worse} cost more of both");
}
