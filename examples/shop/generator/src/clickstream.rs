//! The visits: sessions that overlap in time, one event after another, each rendered as one line of JSON.
//!
//! A session is planned from the seed and its index. The number of its events is known without rendering them, so that the number of
//! sessions which gives exactly the wanted number of events is found before the first line is written.

mod event_text;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use self::event_text::{render, render_profile};
use crate::calendar::{Calendar, IsoText, MINUTE};
use crate::catalogue::Catalogue;
use crate::random::Random;
use crate::visitors::{Device, Population, Visitor, purchase_probability};

/// What follows outside the site from an event: a cart left behind or an order.
#[derive(Clone, Debug)]
pub(crate) struct Basket {
    pub(crate) id: String,
    pub(crate) customer_id: Option<u64>,
    pub(crate) prefecture: usize,
    pub(crate) product: usize,
    pub(crate) quantity: u64,
    pub(crate) ordered: bool,
    pub(crate) escaped: bool,
}

/// One event: when it happened and what it leads to. Its text is in the line that the caller passed.
#[derive(Debug)]
pub(crate) struct Occurrence {
    pub(crate) instant: i64,
    pub(crate) basket: Option<Basket>,
}

#[derive(Clone, Copy, Debug)]
enum Goal {
    Browse,
    Cart,
    Checkout,
    Purchase,
}

impl Goal {
    /// Events after the last product view: cart, checkout, purchase, thanks.
    fn steps(self) -> u32 {
        match self {
            Self::Browse => 0,
            Self::Cart => 1,
            Self::Checkout => 2,
            Self::Purchase => 4,
        }
    }
}

#[derive(Debug)]
struct Session {
    random: Random,
    visitor: Visitor,
    device: Device,
    goal: Goal,
    browsing_steps: u32,
    step: u32,
    instant: i64,
    escaped: bool,
    product: usize,
    quantity: u64,
    /// The members that every event of the session shares: `"user":{…},"device":{…},`.
    profile: Vec<u8>,
}

impl Session {
    fn plan(seed: u64, index: u64, population: &Population) -> Self {
        let mut random = Random::new(seed, 3, index);
        let visitor = population.draw(&mut random);
        let device =
            if random.chance(0.88) { visitor.device } else { *random.pick(&[Device::Mobile, Device::Desktop]) };
        let purchase = purchase_probability(&visitor, device);
        let place = random.unit();
        let goal = if place < purchase {
            Goal::Purchase
        } else if place < purchase + 0.06 {
            Goal::Checkout
        } else if place < purchase + 0.2 {
            Goal::Cart
        } else {
            Goal::Browse
        };
        let mut browsing_steps = if matches!(goal, Goal::Browse) { 1 } else { 3 };
        while browsing_steps < 40 && random.chance(0.82) {
            browsing_steps += 1;
        }
        Self {
            escaped: random.chance(0.05),
            quantity: *random.pick(&[1, 1, 1, 1, 2, 3]),
            random,
            visitor,
            device,
            goal,
            browsing_steps,
            step: 0,
            instant: 0,
            product: 0,
            profile: Vec::new(),
        }
    }

    fn length(&self) -> u32 {
        self.browsing_steps + self.goal.steps()
    }

    /// Moves to the next event; a few visitors go away for a while and come back.
    fn advance(&mut self, end: i64) {
        let pause = if self.random.chance(0.03) {
            20 * MINUTE + (self.random.unit() * 70.0 * MINUTE as f64) as i64
        } else {
            4_000 + (self.random.unit() * self.random.unit() * 200_000.0) as i64
        };
        self.step += 1;
        self.instant = if self.instant + pause < end {
            self.instant + pause
        } else {
            // What would pass the end of the generated days happens a little sooner.
            self.instant + (self.random.unit() * (end - self.instant) as f64) as i64
        };
    }
}

/// All events in the order in which they happen.
#[derive(Debug)]
pub(crate) struct Clickstream<'a> {
    seed: u64,
    calendar: &'a Calendar,
    catalogue: &'a Catalogue,
    population: &'a Population,
    session_count: u64,
    sessions_started: u64,
    events_left: u64,
    baskets: u64,
    running: Vec<Session>,
    /// (instant of the next event, session, place in `running`), the earliest first.
    agenda: BinaryHeap<Reverse<(i64, u64, usize)>>,
    free_places: Vec<usize>,
    next_start: i64,
    time: IsoText,
    received: IsoText,
}

impl<'a> Clickstream<'a> {
    pub(crate) fn new(
        seed: u64,
        events: u64,
        calendar: &'a Calendar,
        catalogue: &'a Catalogue,
        population: &'a Population,
    ) -> Self {
        let mut session_count = 0;
        let mut planned = 0;
        while planned < events {
            planned += u64::from(Session::plan(seed, session_count, population).length());
            session_count += 1;
        }
        let mut clickstream = Self {
            seed,
            calendar,
            catalogue,
            population,
            session_count,
            sessions_started: 0,
            events_left: events,
            baskets: 0,
            running: Vec::new(),
            agenda: BinaryHeap::new(),
            free_places: Vec::new(),
            next_start: 0,
            time: IsoText::new(),
            received: IsoText::new(),
        };
        clickstream.next_start = clickstream.start_of(0);
        clickstream
    }

    /// Writes the next event, without a line end, to `line` (emptied first). It is received `delay` milliseconds after it happened.
    pub(crate) fn next_event(&mut self, line: &mut Vec<u8>, delay: i64) -> Option<Occurrence> {
        if self.events_left == 0 {
            return None;
        }
        while self.sessions_started < self.session_count
            && self.agenda.peek().is_none_or(|Reverse((instant, ..))| self.next_start <= *instant)
        {
            self.start_session();
        }
        let Reverse((instant, index, place)) = self.agenda.pop()?;
        self.events_left -= 1;
        let session = &mut self.running[place];
        let identity = session.random.next();
        line.clear();
        let basket = render(
            session,
            self.catalogue,
            &mut self.baskets,
            self.calendar.day_number(instant),
            (self.time.of(instant), identity),
            self.received.of(instant + delay),
            line,
        );
        session.advance(self.calendar.end());
        if session.step < session.length() {
            self.agenda.push(Reverse((session.instant, index, place)));
        } else {
            self.free_places.push(place);
        }
        Some(Occurrence { instant, basket })
    }

    fn start_of(&self, index: u64) -> i64 {
        let jitter = Random::new(self.seed, 4, index).unit();
        self.calendar.instant_at((index as f64 + jitter) / self.session_count as f64)
    }

    fn start_session(&mut self) {
        let index = self.sessions_started;
        let mut session = Session::plan(self.seed, index, self.population);
        session.instant = self.next_start;
        let place = self.free_places.pop().unwrap_or(self.running.len());
        if let Some(old) = self.running.get_mut(place) {
            session.profile = std::mem::take(&mut old.profile);
        }
        render_profile(&mut session);
        self.agenda.push(Reverse((session.instant, index, place)));
        if place < self.running.len() {
            self.running[place] = session;
        } else {
            self.running.push(session);
        }
        self.sessions_started += 1;
        self.next_start = self.start_of(self.sessions_started);
    }
}

/// What one step of a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Landing,
    PageView,
    Search,
    ProductView,
    AddToCart,
    Checkout,
    Purchase,
    Thanks,
}

impl Step {
    fn of(session: &mut Session) -> Self {
        if session.step >= session.browsing_steps {
            return match session.step - session.browsing_steps {
                0 => Self::AddToCart,
                1 => Self::Checkout,
                2 => Self::Purchase,
                _ => Self::Thanks,
            };
        }
        let is_before_cart = session.step + 1 == session.browsing_steps;
        if session.step == 0 {
            Self::Landing
        } else if is_before_cart && !matches!(session.goal, Goal::Browse) {
            Self::ProductView
        } else {
            match session.random.below(100) {
                0..12 => Self::Search,
                12..55 => Self::ProductView,
                _ => Self::PageView,
            }
        }
    }

    fn event_type(self) -> &'static str {
        match self {
            Self::Landing | Self::PageView | Self::Thanks => "page_view",
            Self::Search => "search",
            Self::ProductView => "product_view",
            Self::AddToCart => "add_to_cart",
            Self::Checkout => "checkout",
            Self::Purchase => "purchase",
        }
    }
}

/// A cart that is left behind comes from a checkout without a purchase; its identity differs from an order's in the first letter.
fn basket_of(step: Step, session: &Session, baskets: &mut u64) -> Option<Basket> {
    let ordered = match (step, session.goal) {
        (Step::Purchase, _) => true,
        (Step::Checkout, Goal::Checkout) => false,
        _ => return None,
    };
    *baskets += 1;
    Some(Basket {
        id: format!("{}{:09}", if ordered { 'o' } else { 'c' }, *baskets),
        customer_id: session.visitor.user_id,
        prefecture: session.visitor.prefecture,
        product: session.product,
        quantity: session.quantity,
        ordered,
        escaped: session.escaped,
    })
}
