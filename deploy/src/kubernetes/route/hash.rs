//! A hash that is the same in every process and every version: what hangs on it stays where it is through restarts.

/// FNV-1a, whose bits are then mixed, for it hardly moves the upper ones when only the last byte differs.
pub(super) fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    let add = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, add);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_every_version() {
        assert_eq!(format!("{:016x}", hash("shop/Deployment/hello".bytes())), "73856de3caa7dd39");
    }
}
