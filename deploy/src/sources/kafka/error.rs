//! Kafka's numbers for what goes wrong, in words.

/// The numbers that these questions meet, and what there is to do about them.
const KNOWN: [(i16, &str); 16] = [
    (1, "the offset is out of range"),
    (3, "there is no such topic or partition, or one may not see it"),
    (5, "it has no leader at the moment"),
    (6, "its leader has just changed"),
    (7, "the broker did not get an answer in time"),
    (8, "the broker is not available"),
    (14, "the group's offsets are being loaded"),
    (15, "the group has no coordinator at the moment"),
    (16, "the group's coordinator has just changed"),
    (17, "the topic's name is not allowed"),
    (29, "one may not read the topic"),
    (30, "one may not read the group"),
    (31, "one may not ask the cluster"),
    (34, "the broker is in another state of the login"),
    (35, "the broker is older than Kafka 1.0"),
    (58, "wrong credentials"),
];

/// Whether `error` is none.
///
/// # Errors
/// What it is, for people.
pub(super) fn all_well(error: i16) -> Result<(), String> {
    match error {
        0 => Ok(()),
        error => Err(match KNOWN.iter().find(|(number, _)| *number == error) {
            Some((_, words)) => (*words).to_owned(),
            None => format!("Kafka's error {error}"),
        }),
    }
}
