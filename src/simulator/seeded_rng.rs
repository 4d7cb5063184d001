//! The simulator's only source of randomness: a seeded generator and a few distributions.
//!
//! All arithmetic is exactly rounded (`+ - * /` only), so that one seed gives the same fleet on
//! every machine. `rand_distr` uses the platform's `ln` and `exp`, whose last bit differs between
//! machines.

// tidy: rand_pcg: seeded by an option, the same numbers on every machine
use rand_pcg::Pcg64Mcg;
// tidy: rand_pcg: the traits of the same generator; tidy: rand_core: re-exported by it
use rand_pcg::rand_core::{Rng, SeedableRng};

/// A stream of pseudo-random numbers.
#[derive(Debug, Clone)]
pub struct SeededRng(Pcg64Mcg);

impl SeededRng {
    /// Creates the stream with number `stream` of `seed`. Streams of one seed are independent.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        SeededRng(Pcg64Mcg::seed_from_u64(mix_bits(seed ^ mix_bits(stream))))
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `[0, 1)`.
    pub fn uniform_unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `0..n`; 0 when `n` is 0.
    pub fn uniform_below(&mut self, n: u32) -> u32 {
        (((self.next_u64() >> 32) * u64::from(n)) >> 32) as u32
    }

    /// Uniform in `from..=to`.
    pub fn uniform_between(&mut self, from: i64, to: i64) -> i64 {
        let span = u64::try_from(to.saturating_sub(from))
            .unwrap_or(0)
            .saturating_add(1);
        let step = (u128::from(self.next_u64()) * u128::from(span)) >> 64;
        from.saturating_add(i64::try_from(step).unwrap_or(0))
    }

    /// True with a probability of `per_mille` / 1,000.
    pub fn chance_per_mille(&mut self, per_mille: u32) -> bool {
        self.uniform_below(1_000) < per_mille
    }

    /// Exponential with the given mean, cut off at eight times the mean.
    pub fn sample_exponential(&mut self, mean: f64) -> f64 {
        mean * (-portable_ln(1.0 - self.uniform_unit())).min(8.0)
    }

    /// A skewed value: from 0.27 to 13 times `median`, with a median of 1.33 times `median`.
    pub fn sample_skewed(&mut self, median: u32) -> u64 {
        let unit = self.uniform_unit();
        (f64::from(median) * (0.3 + unit) / (1.1 - unit)) as u64
    }

    /// An index below `n`. Low indices are more frequent, as a few resources get most of the work.
    pub fn sample_low_biased(&mut self, n: u32) -> u32 {
        let unit = self.uniform_unit();
        ((f64::from(n) * unit * unit) as u32).min(n.saturating_sub(1))
    }
}

/// A bijection of 64-bit words with well-mixed bits (the finalizer of SplitMix64).
#[must_use]
pub fn mix_bits(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Natural logarithm of a normal positive number, with an error below 1e-7, in exactly rounded
/// steps: `ln(m * 2^e) = e ln 2 + 2 atanh((m - 1) / (m + 1))`.
fn portable_ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as f64 - 1023.0;
    let mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let s = z * z;
    let series = 1.0 + s * (1.0 / 3.0 + s * (0.2 + s * (1.0 / 7.0 + s * (1.0 / 9.0 + s / 11.0))));
    exponent * std::f64::consts::LN_2 + 2.0 * z * series
}

/// `word` as 16 hexadecimal digits. Such a text needs no allocation.
#[must_use]
pub fn hex16(word: u64) -> crate::event::Text {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [b'0'; 16];
    for (index, digit) in digits.iter_mut().enumerate() {
        let nibble = (word >> (60 - 4 * index)) & 15;
        *digit = DIGITS.get(nibble as usize).copied().unwrap_or(b'0');
    }
    crate::event::Text::from_utf8_lossy(&digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_agrees_with_the_library() {
        for x in [1e-9_f64, 0.01, 0.3, 0.5, 0.999, 1.0, 1.5, 7.0] {
            assert!(
                (portable_ln(x) - x.ln()).abs() < 2e-6,
                "{x}: {} {}",
                portable_ln(x),
                x.ln()
            );
        }
    }

    #[test]
    fn the_exponential_has_its_mean_and_streams_differ() {
        let mut rng = SeededRng::new(1, 2);
        let total: f64 = (0..20_000).map(|_| rng.sample_exponential(10.0)).sum();
        assert!(
            (total / 20_000.0 - 10.0).abs() < 0.4,
            "{}",
            total / 20_000.0
        );
        assert_ne!(
            SeededRng::new(1, 2).next_u64(),
            SeededRng::new(1, 3).next_u64()
        );
        assert_eq!(
            SeededRng::new(1, 2).next_u64(),
            SeededRng::new(1, 2).next_u64()
        );
    }

    #[test]
    fn hex_is_the_word() {
        assert_eq!(hex16(0x0123_4567_89ab_cdef), "0123456789abcdef");
    }
}
