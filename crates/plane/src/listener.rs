//! The listeners of the control plane: each serves the surfaces that the table gives it.

use crate::control_plane::ControlPlane;
use crate::lanes::Lanes;
use crate::pool::PoolError;
use crate::surfaces::{self, At, Entry, Need, On, Readiness, Round};
use bonafide_core::placement::{self, Standing};
use bonafide_crypto::Certificate;
use bonafide_crypto::ca::host_name;
use bonafide_hosts::Wait;
use bonafide_http::{Admission, Event, PeerFacts, Service, Waits, clock, is_served, masked_path};
use bonafide_store::Revision;
use bonafide_types::{CertificateNumber, HostId, Timestamp};
use bonafide_wire::{Answer, Lane, Needs, Outcome, Peer, Record, Request, Unserved, path};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, StatusCode};
use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Longest time that a write waits for the hosts that it is about. Source: ours; no client takes it for slow.
const HEARD_WITHIN: Duration = Duration::from_secs(1);
/// Time between two looks at a view that does not show the write yet. Source: ours; it does within a few milliseconds.
const SHOWN_AGAIN: Duration = Duration::from_millis(2);
/// Longest time between two looks for hosts, which say themselves what they have heard of. Source: ours; one that is gone
/// says nothing.
const HEARD_AGAIN: Duration = Duration::from_millis(100);

/// Answers on one listener.
pub(crate) struct PlaneListener {
    pub(crate) on: On,
    pub(crate) plane: Arc<ControlPlane>,
    /// Run work on the store, so that a slow store cannot delay tokens.
    pub(crate) lanes: Arc<Lanes>,
    /// The revision that the view shows, for those who wait for the next.
    pub(crate) revisions: watch::Receiver<u64>,
}

impl Service for PlaneListener {
    fn name(&self) -> &'static str {
        match self.on {
            On::Public => "public",
            On::Hosts => "hosts",
        }
    }

    fn admit(&self, peer: &PeerFacts, certificate: Option<&[u8]>) -> Admission {
        match (self.on, certificate) {
            (On::Hosts, Some(der)) => self.admit_host(peer, der),
            (On::Public | On::Hosts, _) => Admission::anybody(peer),
        }
    }

    fn principal(&self, authorization: &HeaderValue) -> Option<u128> {
        let authorization = authorization.to_str().ok();
        let principal = self.plane.known_caller(authorization, clock::world());
        principal.map(|id| id.uuid().as_u128())
    }

    /// A stranger is told so at once; a known caller must have the right to what the request asks for.
    async fn may_send_much(&self, head: &Request) -> bool {
        if self.on == On::Hosts {
            return true;
        }
        if head.headers.get(AUTHORIZATION).and_then(|value| self.principal(value)).is_none() {
            return false;
        }
        let (plane, surface, head) = (Arc::clone(&self.plane), self.surface(head), head.clone());
        let job = move || {
            let view = plane.views.current();
            let at = At { parts: &plane, view: &view, world: clock::world(), round: Round::default() };
            surface.takes_body(at, &head)
        };
        let may = self.lanes.of(Lane::Read).run(job).await;
        may.map_err(|error| error.unserved()) == Ok(true)
    }

    fn body_bytes_max(&self, head: &Request) -> usize {
        self.surface(head).body_bytes_max(head)
    }

    fn logged_path<'r>(&self, raw: &'r str, status: StatusCode) -> Cow<'r, str> {
        let path = path::decoded_or_as_sent(raw);
        if is_served(status) { path } else { masked_path(&path, surfaces::is_word).into() }
    }

    /// Asks the surface until it answers, and fetches what it needs in between.
    async fn answer(&self, request: &mut Request, _at: Timestamp, waits: &Waits<'_>) -> Answer {
        if let Peer::Certified(host, shown) = request.peer {
            match self.judged(host, shown).await {
                Ok(peer) => request.peer = peer,
                Err(why) => return self.refusal(request, why),
            }
        }
        let (surface, request) = (self.surface(request), Arc::new(request.take()));
        let (mut round, mut revisions, mut until) = (Round::default(), self.revisions.clone(), None);
        loop {
            match self.ask(surface, &request, round).await {
                Ok((Outcome::Answer(answer), None)) => return answer,
                Ok((Outcome::Answer(answer), Some(changed))) => {
                    return self.once_heard(&request, answer, changed).await;
                }
                Ok((Outcome::Need(Need::Confirm | Need::Store), _)) if round.is_over => {
                    return self.refusal(&request, Unserved::Failed).because(&"a surface asked twice for the same");
                }
                Ok((Outcome::Need(Need::Confirm), _)) => {
                    self.plane.confirm(&self.lanes).await;
                    round.is_over = true;
                }
                Ok((Outcome::Need(Need::Store), _)) => {
                    let can_read_store = self.plane.can_read_store(&self.lanes).await;
                    round = Round { is_over: true, can_read_store };
                }
                Ok((Outcome::Need(Need::Wait(Wait { past, seconds })), _)) => {
                    let until = *until.get_or_insert(Instant::now() + Duration::from_secs(seconds));
                    // Most changes are about other hosts: the question is asked again after each.
                    let changed = revisions.wait_for(|revision| *revision > past.0);
                    if let Ok(Err(_)) = waits.until(tokio::time::timeout_at(until, changed)).await {
                        // Nobody says any more what is new: the process stops, and its agent's own poll ends with it.
                        return Answer { record: Record::quiet(), ..self.refusal(&request, Unserved::Busy) };
                    }
                    round.is_over = until <= Instant::now();
                }
                Err(error) => return self.refusal(&request, error.unserved()).because(&error),
            }
        }
    }

    fn refusal(&self, head: &Request, why: Unserved) -> Answer {
        let (parts, view) = (&*self.plane, self.plane.views.current());
        let round = Round { is_over: true, can_read_store: false };
        let at = At { parts, view: &view, world: clock::world(), round };
        self.surface(head).refuse(at, head, why)
    }
}

impl PlaneListener {
    fn surface(&self, head: &Request) -> &'static Entry {
        surfaces::of(self.on, head)
    }

    /// TLS has verified the certificate against the hosts' authority; here it is only read.
    fn admit_host(&self, peer: &PeerFacts, der: &[u8]) -> Admission {
        match (host_name(der), Certificate::from_der(der)) {
            (Ok(name), Ok(certificate)) => Admission::Serve {
                peer: Peer::Certified(name.host, name.number),
                until: Some(certificate.not_after_seconds()),
            },
            _ => {
                let event = Event::named("connectionRefused").with("surface", self.name()).with("peer", peer.remote);
                self.plane.log.event(&event, &"the client certificate names no host");
                Admission::anybody(peer)
            }
        }
    }

    /// The host, if the certificate that it shows counts, once for each request: for as long as one waits, it is decided.
    /// A use that says something, the first of a new certificate or one of an older, is taken down before the answer.
    async fn judged(&self, host: HostId, shown: CertificateNumber) -> Result<Peer, Unserved> {
        let standing = || {
            let view = self.plane.views.current();
            view.host(host).map_or(Some(Standing::Void), |row| row.may_speak().then(|| row.standing(shown)))
        };
        let at_first = standing();
        if at_first == Some(Standing::Current) {
            return Ok(Peer::Host(host));
        }
        if at_first == Some(Standing::Void) {
            // Another replica may have issued it a moment ago.
            self.plane.confirm(&self.lanes).await;
        }
        if matches!(standing(), Some(Standing::Offered | Standing::Superseded)) {
            self.take_down(host, shown).await?;
        }
        match standing() {
            Some(Standing::Current) => Ok(Peer::Host(host)),
            _ => Ok(Peer::Certified(host, shown)),
        }
    }

    async fn take_down(&self, host: HostId, shown: CertificateNumber) -> Result<(), Unserved> {
        let plane = Arc::clone(&self.plane);
        let taken_down = self.lanes.of(Lane::System).run(move || {
            let world = clock::world();
            plane.store.write(|tx| placement::show(tx, &world, host, shown)).map_err(|error| error.to_string())?;
            plane.catch_up().map_err(|error| error.to_string())
        });
        if let Err(why) = taken_down.await.map_err(|error| error.unserved())? {
            self.plane.log.event(&Event::named("hostNotTakenUp").with("host", host), &why);
            return Err(Unserved::Busy);
        }
        self.say_if_frozen(host);
        Ok(())
    }

    fn say_if_frozen(&self, host: HostId) {
        let view = self.plane.views.current();
        if let Some(row) = view.host(host).filter(|row| row.frozen_at.is_some()) {
            let event = Event::named("hostFrozen").with("host", host).with("name", &row.name);
            let why = "an older certificate of this host was used beside the newest: its folder was copied; \
                       `bonafide host list` shows it, and `bonafide host enable` lets it join again";
            self.plane.log.event(&event.apart(&host.to_string()), &why);
        }
    }

    /// The answer to a write that is about hosts, once those that are connected have heard of it: who has it in hand finds
    /// it true there. A host that takes too long is not waited for again until it has asked once more.
    async fn once_heard(&self, request: &Arc<Request>, answer: Answer, changed: Revision) -> Answer {
        let until = Instant::now() + HEARD_WITHIN;
        loop {
            // Before the look: what a host says from now on is not missed.
            let mut heard = pin!(self.plane.heard.notified());
            heard.as_mut().enable();
            let view = self.plane.views.current();
            let is_shown = changed <= view.cursor().revision;
            let behind = if is_shown { view.hosts_to_wait_for(changed, clock::now()) } else { Vec::new() };
            if is_shown && behind.is_empty() {
                return answer;
            }
            if until <= Instant::now() {
                view.hosts_are_late(&behind);
                drop(view);
                return self.while_hosts_hear(request, answer, changed).await;
            }
            drop(view);
            let again = Instant::now() + if is_shown { HEARD_AGAIN } else { SHOWN_AGAIN };
            let _ = tokio::time::timeout_at(again.min(until), heard).await;
        }
    }

    async fn while_hosts_hear(&self, request: &Arc<Request>, answer: Answer, changed: Revision) -> Answer {
        let (plane, request) = (Arc::clone(&self.plane), Arc::clone(request));
        let (reply, record) = (answer.reply.clone(), answer.record.clone());
        let job = move || {
            let view = plane.views.current();
            let at = At { parts: &plane, view: &view, world: clock::world(), round: Round::default() };
            at.management().while_hosts_hear(&request, reply, changed)
        };
        match self.lanes.of(Lane::Write).run(job).await {
            Ok(reply) => Answer { reply, record },
            Err(_) => answer,
        }
    }

    async fn ask(
        &self,
        surface: &'static Entry,
        request: &Arc<Request>,
        round: Round,
    ) -> Result<(Outcome<Need>, Option<Revision>), PoolError> {
        let ask = move |plane: &ControlPlane, request: &Request| {
            let view = plane.views.current();
            surface.handle(At { parts: plane, view: &view, world: clock::world(), round }, request)
        };
        if surface.needs(request) == Needs::View {
            let outcome = ask(&self.plane, request);
            if surface.name == surfaces::HOSTS {
                self.plane.heard.notify_waiters();
            }
            if request.method == Method::POST {
                // Signatures are made and checked in place: a connection with many requests in its pipeline lets
                // those go first that have waited meanwhile.
                tokio::task::yield_now().await;
            }
            return Ok((outcome, None));
        }
        let admitted = {
            let view = self.plane.views.current();
            surface.admit(At { parts: &self.plane, view: &view, world: clock::world(), round }, request)
        };
        // A caller without a valid token is refused here, and never waits with those who have one.
        let lane = match admitted {
            Ok(lane) => lane,
            Err(refusal) => return Ok((Outcome::Answer(*refusal), None)),
        };
        let asked = Arc::clone(request);
        let (plane, request, on) = (Arc::clone(&self.plane), Arc::clone(request), self.on);
        let job = move || {
            let _of_before = plane.store.take_watched_change();
            let outcome = ask(&plane, &request);
            if on == On::Hosts {
                // A host that has just joined, or registered a key, goes on at once and must be known
                // then. A view that cannot be brought up now follows by itself a moment later.
                let _ = plane.catch_up();
                return (outcome, None);
            }
            let changed = plane.store.take_watched_change();
            if changed.is_some() {
                let _ = plane.catch_up();
            }
            (outcome, changed)
        };
        let principal = || asked.headers.get(AUTHORIZATION).and_then(|value| self.principal(value));
        self.lanes.run(lane, principal, job).await
    }
}

/// The readiness of a control plane, the store included.
pub(crate) async fn readiness(plane: &Arc<ControlPlane>, lanes: &Lanes) -> Readiness {
    let can_read_store = plane.can_read_store(lanes).await;
    Readiness::of(plane, can_read_store)
}
