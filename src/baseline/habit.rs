//! Bursts that come at their time of the day: after three days they are no surprise.

use serde::{Deserialize, Serialize};

use super::wall_time::WallTime;

/// Habits that one metric has.
const SLOTS: usize = 4;
/// Days at which a burst came before it is a habit.
const HITS_KNOWN: u8 = 3;
const HITS_MAX: u8 = 15;
/// A habit that did not come for more days than this starts anew.
const DAYS_MAX: u8 = 8;
/// Minutes by which a burst may miss its time.
const MINUTES_OFF_MAX: u16 = 15;
/// Minutes below the threshold that end a burst.
const QUIET_MIN: u16 = 60;
/// Bans by which a habit may be rarer than usual.
const SCORE_MARGIN: f64 = 1.5;
/// The multiple of the usual count that a habit may reach.
const COUNT_FACTOR: f64 = 2.0;
const MINUTES_PER_DAY: u16 = 1_440;
/// Steps per ban of a stored score, and per octave of a stored count.
const STEPS: f64 = 1_024.0;

/// The habits of one metric and the burst that goes on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Habits {
    slots: Vec<HabitSlot>,
    episode: Option<Episode>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct HabitSlot {
    /// Minute of the day.
    minute: u16,
    /// Peak score and peak count, in steps.
    score: u16,
    count: u16,
    hits: u8,
    /// The last day, without its higher bits.
    day: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Episode {
    slot: u8,
    known: bool,
    /// Minutes below the threshold.
    quiet_min: u16,
}

/// A closed pane.
#[derive(Debug, Clone, Copy)]
pub(super) struct HabitPane {
    pub wall: WallTime,
    pub pane_s: f64,
    pub score: f64,
    pub count: f64,
    /// Whether the score reaches the threshold without lift.
    pub above: bool,
    /// Whether a habit is bounded by its usual count too.
    pub bounds_count: bool,
}

impl Habits {
    /// Learns a pane; returns whether it belongs to a habit and is no larger than usual.
    pub fn learn_pane(&mut self, pane: &HabitPane) -> bool {
        let pane_min = (pane.pane_s / 60.0).clamp(1.0, f64::from(MINUTES_PER_DAY)) as u16;
        if !pane.above {
            self.end_episode(pane_min);
            return false;
        }
        let mut episode = match self.episode {
            Some(episode) if usize::from(episode.slot) < self.slots.len() => episode,
            _ => self.begin_episode(pane.wall, pane_min),
        };
        episode.quiet_min = 0;
        self.episode = Some(episode);
        let Some(slot) = self.slots.get_mut(usize::from(episode.slot)) else {
            return false;
        };
        let usual = episode.known && slot.covers(pane.score, pane.count, pane.bounds_count);
        slot.learn_peak(pane.score, pane.count, episode.known);
        usual
    }

    /// Whether a pane with this score and count, still open, belongs to a habit.
    pub fn covers(&self, pane: &HabitPane) -> bool {
        let slot = match self.episode {
            Some(episode) if !episode.known => return false,
            Some(episode) => self.slots.get(usize::from(episode.slot)),
            None => {
                let pane_min = (pane.pane_s / 60.0) as u16;
                let slot = self
                    .find_slot(pane.wall, pane_min)
                    .map(|ix| &self.slots[ix]);
                slot.filter(|slot| slot.hits_on(pane.wall) >= HITS_KNOWN)
            }
        };
        slot.is_some_and(|slot| slot.covers(pane.score, pane.count, pane.bounds_count))
    }

    /// Whether no count is larger than it can become.
    pub fn is_sound(&self) -> bool {
        let slot = |slot: &HabitSlot| slot.hits <= HITS_MAX && slot.minute < MINUTES_PER_DAY;
        self.slots.len() <= SLOTS && self.slots.iter().all(slot)
    }

    /// Puts back the habits from `before` a frozen time. A burst that came at the time of a habit
    /// keeps it from being out of date, and the burst that goes on stays that of its habit.
    pub fn put_back(&mut self, before: Habits) {
        let after = std::mem::replace(self, before);
        let same = |index: usize, slots: &[HabitSlot]| {
            let known = slots.get(index).zip(after.slots.get(index));
            known.is_some_and(|(slot, after)| slot.minute == after.minute)
        };
        for index in 0..self.slots.len() {
            if same(index, &self.slots) {
                self.slots[index].day = after.slots[index].day;
            }
        }
        let episode = after.episode;
        self.episode = episode.filter(|episode| same(usize::from(episode.slot), &self.slots));
    }

    #[cfg(test)]
    pub fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<HabitSlot>()
    }

    /// Time without panes goes on, or a pane below the threshold.
    pub fn end_episode(&mut self, minutes: u16) {
        if let Some(episode) = &mut self.episode {
            episode.quiet_min = episode.quiet_min.saturating_add(minutes);
            if episode.quiet_min >= QUIET_MIN {
                self.episode = None;
            }
        }
    }

    fn begin_episode(&mut self, wall: WallTime, pane_min: u16) -> Episode {
        let ix = self
            .find_slot(wall, pane_min)
            .unwrap_or_else(|| self.new_slot(wall));
        let mut known = false;
        if let Some(slot) = self.slots.get_mut(ix) {
            slot.hits = slot.hits_on(wall);
            known = slot.hits >= HITS_KNOWN;
            slot.hits = (slot.hits + 1).min(HITS_MAX);
            slot.day = short_day(wall);
        }
        Episode {
            slot: ix as u8,
            known,
            quiet_min: 0,
        }
    }

    /// The slot nearest to a time of the day.
    fn find_slot(&self, wall: WallTime, pane_min: u16) -> Option<usize> {
        let off_max = MINUTES_OFF_MAX.max(pane_min);
        let off = |slot: &HabitSlot| {
            let apart = slot.minute.abs_diff(wall.minute);
            apart.min(MINUTES_PER_DAY.saturating_sub(apart))
        };
        let slots = self.slots.iter().enumerate();
        slots
            .map(|(ix, slot)| (off(slot), ix))
            .filter(|(off, _)| *off <= off_max)
            .min()
            .map(|(_, ix)| ix)
    }

    /// A new slot, in place of the oldest one when there is no other.
    fn new_slot(&mut self, wall: WallTime) -> usize {
        let slot = HabitSlot {
            minute: wall.minute,
            day: short_day(wall),
            ..HabitSlot::default()
        };
        if self.slots.len() < SLOTS {
            self.slots.reserve_exact(1);
            self.slots.push(slot);
            return self.slots.len() - 1;
        }
        let ages = self.slots.iter().map(|slot| slot.days_since(wall));
        let oldest = (0..)
            .zip(ages)
            .max_by_key(|(ix, age)| (*age, usize::MAX - ix));
        let ix = oldest.map_or(0, |(ix, _)| ix);
        self.slots[ix] = slot;
        ix
    }
}

impl HabitSlot {
    fn days_since(&self, wall: WallTime) -> u8 {
        short_day(wall).wrapping_sub(self.day)
    }

    fn hits_on(&self, wall: WallTime) -> u8 {
        match self.days_since(wall) > DAYS_MAX {
            true => 0,
            false => self.hits,
        }
    }

    fn covers(&self, score: f64, count: f64, bounds_count: bool) -> bool {
        score <= f64::from(self.score) / STEPS + SCORE_MARGIN
            && (!bounds_count || count <= COUNT_FACTOR * decode_count(self.count))
    }

    /// Peaks rise with the episode; those of a habit rise by half of the excess.
    fn learn_peak(&mut self, score: f64, count: f64, known: bool) {
        let score = (score.max(0.0) * STEPS).ceil().min(f64::from(u16::MAX)) as u16;
        let (old_count, count) = (decode_count(self.count), count.max(0.0));
        if known {
            self.score += score.saturating_sub(self.score) / 2;
            let risen = old_count + (count - old_count).max(0.0) / 2.0;
            self.count = self.count.max(encode_count(risen));
        } else {
            self.score = self.score.max(score);
            self.count = self.count.max(encode_count(count));
        }
    }
}

fn short_day(wall: WallTime) -> u8 {
    wall.day.rem_euclid(256) as u8
}

/// A count in steps of 1/1024 octave, rounded up; more than 2^64 is as much as that.
fn encode_count(count: f64) -> u16 {
    ((1.0 + count).log2() * STEPS)
        .ceil()
        .min(f64::from(u16::MAX)) as u16
}

fn decode_count(steps: u16) -> f64 {
    (f64::from(steps) / STEPS).exp2() - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pane(day: i64, minute: u16, score: f64, count: f64) -> HabitPane {
        HabitPane {
            wall: WallTime::at(day, minute),
            pane_s: 60.0,
            score,
            count,
            above: score >= 3.25,
            bounds_count: true,
        }
    }

    /// A burst of five minutes at `minute` of `day`; returns whether all of it was usual.
    fn burst(habits: &mut Habits, day: i64, minute: u16, score: f64, count: f64) -> bool {
        let usual = (0..5).all(|i| habits.learn_pane(&pane(day, minute + i, score, count)));
        (0..70).for_each(|i| {
            habits.learn_pane(&pane(day, minute + 5 + i, 0.0, 0.0));
        });
        usual
    }

    #[test]
    fn the_fourth_day_is_usual_and_ten_times_the_size_is_not() {
        let mut habits = Habits::default();
        let days: Vec<bool> = (0..5)
            .map(|day| burst(&mut habits, day, 540, 5.0, 60.0))
            .collect();
        assert_eq!(days, [false, false, false, true, true]);
        assert!(
            burst(&mut habits.clone(), 5, 550, 6.4, 110.0),
            "within margins"
        );
        assert!(!burst(&mut habits.clone(), 5, 540, 5.0, 600.0), "ten times");
        assert!(!burst(&mut habits.clone(), 5, 540, 6.6, 60.0), "much rarer");
        assert!(
            !burst(&mut habits.clone(), 5, 580, 5.0, 60.0),
            "at another time"
        );
        assert!(
            !burst(&mut habits.clone(), 14, 540, 5.0, 60.0),
            "after nine days"
        );
        let open = pane(5, 541, 5.0, 60.0);
        assert!(habits.covers(&open));
        assert!(!habits.covers(&pane(5, 541, 5.0, 600.0)));
    }

    #[test]
    fn a_weekly_burst_is_usual_from_the_fourth_week() {
        let mut habits = Habits::default();
        let weeks = [0, 7, 14, 21].map(|day| burst(&mut habits, day, 1_430, 5.0, 60.0));
        assert_eq!(weeks, [false, false, false, true]);
    }

    #[test]
    fn a_fifth_time_takes_the_oldest_slot_and_midnight_is_no_border() {
        let mut habits = Habits::default();
        for (day, minute) in [(0, 100), (1, 400), (2, 700), (3, 1_000), (4, 1_300)] {
            burst(&mut habits, day, minute, 5.0, 9.0);
        }
        let minutes: Vec<u16> = habits.slots.iter().map(|slot| slot.minute).collect();
        assert_eq!(minutes, [1_300, 400, 700, 1_000]);
        let mut habits = Habits::default();
        habits.learn_pane(&pane(0, 1_435, 5.0, 9.0));
        assert_eq!(habits.find_slot(WallTime::at(1, 5), 1), Some(0));
    }

    #[test]
    fn huge_counts_are_numbers() {
        let mut habits = Habits::default();
        for count in [0.0, 1.0, 1e18, f64::MAX] {
            habits.learn_pane(&pane(0, 0, 8.0, count));
            assert!(decode_count(habits.slots[0].count).is_finite());
        }
        assert!((decode_count(encode_count(300.0)) / 300.0 - 1.0).abs() < 0.002);
    }
}
