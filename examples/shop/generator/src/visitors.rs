//! Who visits the shop, and how likely a visit ends in a purchase.
//!
//! A visitor is worked out from the seed and an index whenever needed; ten million events need no table of visitors in memory.

use crate::random::Random;

pub(crate) const AGE_GROUPS: [&str; 6] = ["10s", "20s", "30s", "40s", "50s", "60s+"];
const AGE_WEIGHTS: [u64; 6] = [6, 26, 27, 21, 13, 7];

/// Name, latitude and longitude (as written) of prefectures, the first the most visited.
pub(crate) const PREFECTURES: [(&str, &str, &str); 10] = [
    ("東京都", "35.6895", "139.6917"),
    ("神奈川県", "35.4478", "139.6425"),
    ("大阪府", "34.6863", "135.5200"),
    ("愛知県", "35.1802", "136.9066"),
    ("埼玉県", "35.8569", "139.6489"),
    ("福岡県", "33.6064", "130.4183"),
    ("北海道", "43.0642", "141.3469"),
    ("京都府", "35.0214", "135.7556"),
    ("長野県", "36.6513", "138.1810"),
    ("沖縄県", "26.2124", "127.6809"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    Mobile,
    Desktop,
    Tablet,
}

impl Device {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::Desktop => "desktop",
            Self::Tablet => "tablet",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Control,
    Treatment,
}

impl Variant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Treatment => "treatment",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// Of members; a guest has none.
    pub(crate) user_id: Option<u64>,
    /// Twelve letters and digits in the visitor's cookie.
    pub(crate) anonymous_id: [u8; 12],
    pub(crate) plan: &'static str,
    /// Place in [`AGE_GROUPS`]; unknown for guests.
    pub(crate) age_group: Option<usize>,
    pub(crate) gender: Option<&'static str>,
    /// Place in [`PREFECTURES`].
    pub(crate) prefecture: usize,
    /// None: the visitor is not part of the experiment.
    pub(crate) variant: Option<Variant>,
    pub(crate) device: Device,
}

/// How many visitors there are, and who comes how often.
#[derive(Debug)]
pub(crate) struct Population {
    seed: u64,
    size: u64,
}

impl Population {
    pub(crate) fn new(seed: u64, events: u64) -> Self {
        Self { seed, size: (events / 14).max(40) }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The visitor of one session; some come far more often than others.
    pub(crate) fn draw(&self, random: &mut Random) -> Visitor {
        let place = random.unit();
        self.visitor((place * place.sqrt() * self.size as f64) as u64)
    }

    pub(crate) fn visitor(&self, index: u64) -> Visitor {
        let mut random = Random::new(self.seed, 2, index);
        let mut bits = random.next();
        let anonymous_id = std::array::from_fn(|_| {
            let letter = b"0123456789abcdefghjkmnpqrstvwxyz"[(bits & 31) as usize];
            bits >>= 5;
            letter
        });
        let is_member = !random.chance(0.15);
        let age_group = weighted(&mut random, &AGE_WEIGHTS);
        let gender = *random.pick(&[Some("f"), Some("f"), Some("m"), Some("m"), Some("x"), None]);
        let place = random.unit();
        let device = match random.below(100) {
            0..62 => Device::Mobile,
            62..92 => Device::Desktop,
            _ => Device::Tablet,
        };
        let variant = match random.below(20) {
            0..2 => None,
            2..11 => Some(Variant::Control),
            _ => Some(Variant::Treatment),
        };
        let plan = match random.below(10) {
            _ if !is_member => "guest",
            0..7 => "free",
            7..9 => "standard",
            _ => "premium",
        };
        Visitor {
            user_id: is_member.then_some(100_001 + index),
            anonymous_id,
            plan,
            age_group: is_member.then_some(age_group),
            gender: if is_member { gender } else { None },
            prefecture: (place * place * PREFECTURES.len() as f64) as usize,
            variant,
            device,
        }
    }
}

fn weighted(random: &mut Random, weights: &[u64]) -> usize {
    let mut rest = random.below(weights.iter().sum());
    for (place, &weight) in weights.iter().enumerate() {
        if rest < weight {
            return place;
        }
        rest -= weight;
    }
    weights.len() - 1
}

/// Probability that a session ends in a purchase.
///
/// The treatment helps younger visitors on mobile devices much, the other mobile visitors a little, and puts off older visitors
/// at a desktop: an average over everybody would hide both.
pub(crate) fn purchase_probability(visitor: &Visitor, device: Device) -> f64 {
    let by_device = match device {
        Device::Mobile => 0.07,
        Device::Desktop => 0.12,
        Device::Tablet => 0.09,
    };
    let by_age = match visitor.age_group {
        None => 0.5,
        Some(place) => [0.6, 0.9, 1.1, 1.2, 1.1, 0.9][place],
    };
    let by_variant = match (visitor.variant, device, visitor.age_group) {
        (Some(Variant::Treatment), Device::Mobile, Some(1)) => 3.0,
        (Some(Variant::Treatment), Device::Mobile, Some(2)) => 2.0,
        (Some(Variant::Treatment), Device::Mobile, _) => 1.2,
        (Some(Variant::Treatment), Device::Desktop, Some(4..)) => 0.6,
        _ => 1.0,
    };
    by_device * by_age * by_variant
}

#[cfg(test)]
mod tests {
    use super::{Device, Population, Variant, purchase_probability};

    #[test]
    fn visitors_are_the_same_every_time() {
        let population = Population::new(7, 10_000);
        for index in 0..50 {
            let (once, again) = (population.visitor(index), population.visitor(index));
            assert_eq!(once.anonymous_id, again.anonymous_id);
            assert_eq!(once.user_id, again.user_id);
        }
    }

    #[test]
    fn the_treatment_helps_the_young_on_mobile_and_hurts_the_old_at_a_desktop() {
        let mut visitor = Population::new(7, 10_000).visitor(0);
        let lift = |visitor: &mut super::Visitor, device| {
            visitor.variant = Some(Variant::Control);
            let control = purchase_probability(visitor, device);
            visitor.variant = Some(Variant::Treatment);
            purchase_probability(visitor, device) / control
        };
        visitor.age_group = Some(1);
        assert!(lift(&mut visitor, Device::Mobile) > 2.0);
        visitor.age_group = Some(5);
        assert!(lift(&mut visitor, Device::Desktop) < 1.0);
        visitor.age_group = None;
        assert!((lift(&mut visitor, Device::Tablet) - 1.0).abs() < f64::EPSILON);
    }
}
