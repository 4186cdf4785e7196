//! Everything but tokens: the documents of a machine, and what the control plane is asked for it.

use crate::agent::{Agent, Answer, written};
use crate::azures::signed;
use crate::binding::Binding;
use crate::counters::count;
use crate::dialect::{Asked, Told};
use crate::gate::Passed;
use crate::host::{HostRequest, Sent};
use crate::instance::Instance;
use crate::placement::{Place, Places};
use crate::question::{self, About, Question};
use crate::refusal::{DocumentError, Refusal};
use crate::scheduled_events::{EventsAsked, is_known_to_ask};
use crate::throttle::Share;
use bonafide_types::{ResourceUuid, Timestamp, World};
use bonafide_wire::hosts::{EventsRequest, events_path, instance_path};
use bonafide_wire::{Reply, Request};
use http::{Method, StatusCode};
use std::sync::Arc;

impl Agent {
    /// Something that is known here.
    pub(crate) fn document(
        &self,
        binding: &Binding,
        request: &Request,
        document: fn(&Asked<'_>) -> Result<Reply, Refusal>,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let places = self.places();
        let place = self.enter(&places, binding, now)?;
        document(&asked(place, request)).map(written)
    }

    /// Something that the control plane is asked.
    pub(crate) fn question(
        &self,
        binding: &Binding,
        request: &Request,
        question: fn(&Asked<'_>) -> Result<(HostRequest, Told), Refusal>,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let places = self.places();
        let place = self.enter(&places, binding, now)?;
        let (request, told) = question(&asked(place, request))?;
        self.ask(binding, place.ok_or(DocumentError::Away)?, request, About::Elsewhere(told))
    }

    fn ask(&self, binding: &Binding, place: &Place, request: HostRequest, about: About) -> Result<Answer, Refusal> {
        let slot = place.gate.ask().inspect_err(|_| count(&self.tally.throttled))?;
        Ok(Answer::Ask(Question { request: Some(request), speech: binding.speech.clone(), about, _slot: slot }))
    }

    /// An element of the machine's document. One that has changed is asked for; while it cannot be had, the older one is
    /// better than none.
    pub(crate) fn instance(&self, binding: &Binding, passed: &Passed<'_>, now: Timestamp) -> Result<Answer, Refusal> {
        let places = self.places();
        let place = self.enter(&places, binding, now)?.ok_or(DocumentError::Away)?;
        let held = place.instance.load();
        let etag = place.placement.workload.instance.as_deref();
        let is_newest = |instance: &Arc<Instance>| etag.is_none_or(|etag| instance.etag() == etag);
        match (held.as_ref(), etag) {
            (Some(instance), _) if is_newest(instance) => {
                instance.answer(&passed.path, &passed.parameters).map(signed).map(written)
            }
            (_, Some(etag)) => {
                let (workload, etag) = (binding.workload(), etag.to_owned());
                let (path, query) = (passed.path.to_string(), passed.parameters.to_string());
                let about = About::Instance { workload, etag, path, query };
                self.ask(binding, place, HostRequest::get(instance_path(workload)), about)
            }
            (_, None) => Err(DocumentError::Away.into()),
        }
    }

    /// The events of a machine, as they were told last. A machine that asks for the first time, or for the first time in a
    /// while, is told to the control plane, and so is its word that events may start.
    pub(crate) fn events(&self, binding: &Binding, request: &Request, now: Timestamp) -> Result<Answer, Refusal> {
        let places = self.places();
        let place = self.enter(&places, binding, now)?;
        let asked = EventsAsked::read(request)?;
        let start = asked.start.clone().unwrap_or_default();
        let Some(place) = place else {
            return if start.is_empty() {
                Ok(written(asked.answer(None)))
            } else {
                Err(DocumentError::NoSuchEvent.into())
            };
        };
        let held = place.placement.workload.events.as_ref();
        let is_known = || is_known_to_ask(held, now) || !place.events_asked.is_due(now);
        if start.is_empty() && (asked.start.is_some() || is_known()) {
            return Ok(written(asked.answer(held)));
        }
        let workload = binding.workload();
        let body = serde_json::to_vec(&EventsRequest { start }).map_err(|_| DocumentError::Away)?;
        let request = HostRequest::json(Method::POST, events_path(workload), body);
        self.ask(binding, place, request, About::Events { workload, asked })
    }

    /// The answer to a request for events after the control plane was asked. While it is away, what is known is told.
    fn events_told(&self, workload: ResourceUuid, asked: &EventsAsked, sent: &Sent) -> Result<Reply, Refusal> {
        match sent {
            Ok((StatusCode::OK, body)) => {
                let events = serde_json::from_slice(body).map_err(|_| DocumentError::Away)?;
                Ok(asked.answer(Some(&events)))
            }
            Ok((StatusCode::NOT_FOUND, _)) if asked.start.is_some() => Err(DocumentError::NoSuchEvent.into()),
            _ if asked.start.is_some() => Err(DocumentError::Away.into()),
            _ => {
                let places = self.places();
                let place = places.get(&workload);
                Ok(asked.answer(place.and_then(|place| place.placement.workload.events.as_ref())))
            }
        }
    }

    /// Answers a request with what the control plane said, or without it.
    pub fn told(&self, question: Question, sent: &Sent, world: &World<'_>) -> Reply {
        let reply = match &question.about {
            About::Elsewhere(told) => question::reply(*told, sent),
            About::Events { workload, asked } => self.events_told(*workload, asked, sent),
            About::Instance { workload, etag, path, query } => {
                if let Ok((StatusCode::OK, body)) = sent {
                    self.put_instance(*workload, etag, body);
                }
                let places = self.places();
                let held = places.get(workload).and_then(|place| place.instance.load_full());
                let answer = held.ok_or(DocumentError::Away.into());
                answer.and_then(|instance| instance.answer(path, query).map(signed))
            }
        };
        let reply = reply.unwrap_or_else(|refusal| question.speech.refuse(&refusal, None, world));
        match sent {
            Err(why) => reply.because(why),
            Ok(_) => reply,
        }
    }

    /// The machines whose documents have changed since they were fetched, with the etag of the new state.
    pub fn instances_to_fetch(&self) -> Vec<(ResourceUuid, String)> {
        let places = self.places();
        let changed = places.iter().filter_map(|(id, place)| {
            let etag = place.placement.workload.instance.as_ref()?;
            let held = place.instance.load();
            let is_held = held.as_ref().is_some_and(|held| held.etag() == etag);
            (!is_held).then(|| (*id, etag.clone()))
        });
        changed.collect()
    }

    /// Takes a machine's document over; false when it cannot be read or the machine is not here.
    pub fn put_instance(&self, workload: ResourceUuid, etag: &str, document: &[u8]) -> bool {
        let places = self.places();
        match (places.get(&workload), Instance::read(etag, document)) {
            (Some(place), Ok(instance)) => {
                place.instance.store(Some(Arc::new(instance)));
                true
            }
            (None, _) | (_, Err(_)) => false,
        }
    }

    /// Lets a request for anything but a token in. The place of its workload, if it is placed here.
    fn enter<'p>(&self, places: &'p Places, binding: &Binding, now: Timestamp) -> Result<Option<&'p Place>, Refusal> {
        let place = places.get(&binding.workload());
        let gate = place.map_or(&self.unplaced, |place| &place.gate);
        gate.enter(Share::Document, now).inspect_err(|_| count(&self.tally.throttled))?;
        Ok(place)
    }
}

fn asked<'r>(place: Option<&'r Place>, request: &'r Request) -> Asked<'r> {
    let workload = place.map(|place| &place.placement.workload);
    Asked { workload, query: &request.query }
}
