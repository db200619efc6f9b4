//! The visits: sessions that overlap in time, one event after another, each rendered as one line of JSON.
//!
//! A session is planned from the seed and its index. The number of its events is known without rendering them, so that the number of
//! sessions which gives exactly the wanted number of events is found before the first line is written.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::calendar::{Calendar, IsoText, MINUTE};
use crate::catalogue::{CAMPAIGNS, Catalogue, amount};
use crate::random::Random;
use crate::visitors::{AGE_GROUPS, Device, PREFECTURES, Population, Visitor, purchase_probability};

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

fn render(
    session: &mut Session,
    catalogue: &Catalogue,
    baskets: &mut u64,
    day_number: i64,
    (time, identity): (&[u8; 24], u64),
    received: &[u8; 24],
    line: &mut Vec<u8>,
) -> Option<Basket> {
    let step = Step::of(session);
    let escaped = session.escaped;
    line.extend_from_slice(b"{\"event_id\":\"");
    put_event_id(line, identity, time);
    line.extend_from_slice(b"\",\"event_type\":\"");
    line.extend_from_slice(step.event_type().as_bytes());
    line.extend_from_slice(b"\",\"occurred_at\":\"");
    line.extend_from_slice(time);
    line.extend_from_slice(b"\",");
    line.extend_from_slice(&session.profile);
    line.extend_from_slice(b"\"page\":{");
    let search = &catalogue.searches[identity as usize % catalogue.searches.len()];
    let page = match step {
        Step::Landing | Step::PageView => &catalogue.pages[session.random.below(catalogue.pages.len() as u64) as usize],
        Step::Search => &search.1,
        Step::ProductView => {
            session.product = catalogue.popular_product(&mut session.random);
            &catalogue.products[session.product].page
        }
        Step::AddToCart => &catalogue.checkout_pages[0],
        Step::Checkout | Step::Purchase => &catalogue.checkout_pages[1],
        Step::Thanks => &catalogue.checkout_pages[2],
    };
    line.extend_from_slice(page.get(escaped));
    if step == Step::Landing {
        put_arrival(line, session, day_number);
    } else {
        line.extend_from_slice(b"},");
    }
    let product = &catalogue.products[session.product];
    if matches!(step, Step::ProductView | Step::AddToCart | Step::Purchase) {
        line.extend_from_slice(product.json.get(escaped));
    }
    match session.visitor.variant {
        Some(variant) => {
            line.extend_from_slice(br#""experiment":{"name":"checkout_10","variant":""#);
            line.extend_from_slice(variant.name().as_bytes());
            line.extend_from_slice(b"\"},");
        }
        None => line.extend_from_slice(b"\"experiment\":null,"),
    }
    if step == Step::Search {
        line.extend_from_slice(search.0.get(escaped));
        put_number(line, identity % 180);
        line.extend_from_slice(b"},");
    }
    let basket = basket_of(step, session, baskets);
    if matches!(step, Step::AddToCart | Step::Purchase) {
        line.extend_from_slice(b"\"quantity\":");
        put_number(line, session.quantity);
        line.push(b',');
    }
    if step == Step::Purchase
        && let Some(basket) = &basket
    {
        let total = amount(product.price * session.quantity);
        let order = format!(r#""order":{{"id":"{}","total":{total},"currency":"JPY"}},"#, basket.id);
        line.extend_from_slice(order.as_bytes());
    }
    line.extend_from_slice(br#""sdk":"js 4.2","timing":{"ttfb":"#);
    put_number(line, 20 + (identity >> 8) % 700);
    line.extend_from_slice(b",\"cls\":0.");
    put_number(line, 10 + (identity >> 20) % 90);
    line.extend_from_slice(br#"},"consent":{"ads":null},"received_at":""#);
    line.extend_from_slice(received);
    line.extend_from_slice(b"\"}");
    basket
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

/// Referrer and campaign of the first page of a session: the rest of the member `"page":{…`, its end included.
fn put_arrival(line: &mut Vec<u8>, session: &mut Session, day_number: i64) {
    let random = &mut session.random;
    if random.chance(0.38) {
        let mut rest = random.below(CAMPAIGNS.iter().map(|campaign| campaign.4).sum());
        for (name, source, first_day, last_day, reach) in CAMPAIGNS {
            if rest < reach {
                // An old link still brings somebody now and then.
                if (first_day..=last_day).contains(&day_number) || random.chance(0.1) {
                    let arrival = format!(
                        r#","referrer":"https://{source}.example/","utm":{{"source":"{source}","campaign":"{name}"}}}},"#
                    );
                    line.extend_from_slice(arrival.as_bytes());
                    return;
                }
                break;
            }
            rest -= reach;
        }
    }
    line.extend_from_slice(match random.below(4) {
        0 => br#","referrer":"https://www.google.example/search","utm":{}},"#.as_slice(),
        1 => br#","referrer":"","utm":null},"#,
        2 => br#","referrer":null},"#,
        _ => b"},",
    });
}

/// Operating system, screen and user agent of each device.
const MACHINES: [(Device, &str, &str, &str); 8] = [
    (Device::Mobile, "iOS 19.1", r#"{"w":390,"h":844,"dpr":3.0}"#, "Mozilla/5.0 (iPhone; iOS 19_1) Safari/604.1"),
    (
        Device::Mobile,
        "Android 16",
        r#"{"w":412,"h":915,"dpr":2.63}"#,
        "Mozilla/5.0 (Linux; Android 16; Pixel 10) Chrome/141.0",
    ),
    (
        Device::Mobile,
        "Android 15",
        r#"{"w":360,"h":780,"dpr":3.50}"#,
        "Mozilla/5.0 (Linux; Android 15; SO-51E) Chrome/140.0",
    ),
    (
        Device::Desktop,
        "Windows 11",
        r#"{"w":1920,"h":1080,"dpr":1.10}"#,
        "Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/141.0",
    ),
    (
        Device::Desktop,
        "macOS 16.0",
        r#"{"w":1728,"h":1117,"dpr":2.0}"#,
        "Mozilla/5.0 (Macintosh; Mac OS X 10_15_7) Safari/605.1",
    ),
    (
        Device::Desktop,
        "Windows 11",
        r#"{"w":2560,"h":1440,"dpr":1.0}"#,
        "Mozilla/5.0 (Windows NT 10.0; rv:144.0) Firefox/144.0",
    ),
    (Device::Tablet, "iPadOS 19.0", r#"{"w":820,"h":1180,"dpr":2.0}"#, "Mozilla/5.0 (iPad; iPadOS 19_0) Safari/604.1"),
    (
        Device::Tablet,
        "Android 15",
        r#"{"w":800,"h":1280,"dpr":1.50}"#,
        "Mozilla/5.0 (Linux; Android 15; SM-X710) Chrome/140.0",
    ),
];

fn render_profile(session: &mut Session) {
    let visitor = &session.visitor;
    let (prefecture, latitude, longitude) = PREFECTURES[visitor.prefecture];
    let mut json = String::with_capacity(420);
    json.push_str("\"user\":{\"id\":");
    match visitor.user_id {
        Some(user_id) => json.push_str(&user_id.to_string()),
        None => json.push_str("null"),
    }
    let anonymous_id = String::from_utf8_lossy(&visitor.anonymous_id);
    json.push_str(&format!(r#","anonymous_id":"{anonymous_id}","plan":"{}""#, visitor.plan));
    if let Some(place) = visitor.age_group {
        json.push_str(&format!(r#","age_group":"{}""#, AGE_GROUPS[place]));
    }
    if let Some(gender) = visitor.gender {
        json.push_str(&format!(r#","gender":"{gender}""#));
    }
    json.push_str(&format!(r#","geo":{{"country":"JP","pref":"{prefecture}","lat":{latitude},"lon":{longitude}}}}},"#));
    let start = session.random.below(MACHINES.len() as u64) as usize;
    let machine = (0..MACHINES.len())
        .map(|offset| MACHINES[(start + offset) % MACHINES.len()])
        .find(|machine| machine.0 == session.device);
    if let Some((device, os, screen, agent)) = machine {
        json.push_str(&format!(
            r#""device":{{"type":"{}","os":"{os}","ua":"{agent}","screen":{screen}}},"#,
            device.name()
        ));
    }
    let rendered = crate::catalogue::Rendered::new(&json);
    session.profile.clear();
    session.profile.extend_from_slice(rendered.get(session.escaped));
}

/// Digits of the instant, then letters and digits that no other event has: it sorts by time, as a ULID does.
fn put_event_id(line: &mut Vec<u8>, mut identity: u64, time: &[u8; 24]) {
    line.extend_from_slice(b"01");
    line.extend_from_slice(&time[2..4]);
    line.extend_from_slice(&time[5..7]);
    line.extend_from_slice(&time[8..10]);
    line.extend_from_slice(&time[11..13]);
    line.extend_from_slice(&time[14..16]);
    for _ in 0..12 {
        line.push(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(identity & 31) as usize]);
        identity >>= 5;
    }
}

pub(crate) fn put_number(line: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[first..]);
}
