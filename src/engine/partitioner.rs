//! The partition of a key, computed as the Java clients do. Gateways in any language and `replay`
//! thus agree with Kafka on the partition of an agent.

/// The seed that Kafka uses.
const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;
const ROTATE: u32 = 24;

/// Austin Appleby's 32-bit MurmurHash2 with the seed that Kafka uses.
#[must_use]
pub fn murmur2(data: &[u8]) -> u32 {
    // Kafka hashes lengths modulo 2^32; a key is never that long.
    let mut hash = SEED ^ (data.len() as u32);
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = word
            .iter()
            .rev()
            .fold(0u32, |value, byte| (value << 8) | u32::from(*byte));
        k = k.wrapping_mul(MULTIPLIER);
        k ^= k >> ROTATE;
        k = k.wrapping_mul(MULTIPLIER);
        hash = hash.wrapping_mul(MULTIPLIER) ^ k;
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        hash ^= tail
            .iter()
            .rev()
            .fold(0u32, |value, byte| (value << 8) | u32::from(*byte));
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

/// The partition of `key` among `partitions`, from 0. A count of 0 is taken as 1.
#[must_use]
pub fn partition_of_key(key: &[u8], partitions: u32) -> i32 {
    let positive = murmur2(key) & 0x7fff_ffff;
    i32::try_from(positive % partitions.max(1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values from Apache Kafka's UtilsTest.
    #[test]
    fn agrees_with_the_java_client() {
        let known: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn a_partition_is_never_negative_nor_out_of_range() {
        for n in 0..1_000u32 {
            let key = format!("tenant/agent-{n}");
            assert!((0..7).contains(&partition_of_key(key.as_bytes(), 7)));
        }
        assert_eq!(partition_of_key(b"x", 0), 0);
    }
}
