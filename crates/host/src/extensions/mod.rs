//! The endpoints of extensions: each workload that has the extension gets one at every site of its own, and the control
//! plane learns how it goes (docs/wire/hosts.md, "Extensions").

mod guest;
mod login_name;
mod of_bindings;
mod outcome;
mod own_namespace;
mod reports;
mod serving;
mod site;

pub use own_namespace::OwnNamespace;
pub use site::{Site, SiteError, SiteKind, SiteWork, Sites};

use crate::agent::AgentRuntime;
use bonafide_http::{Event, Log, Stop, clock, stopped};
use bonafide_types::ResourceUuid;
use bonafide_wire::hosts::{ExtensionEndpoint, ExtensionState, System};
use outcome::{At, outcome};
use reports::Reports;
use serving::Serving;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Time between two looks at what is served: so soon it is seen that one stopped by itself (5 s at most are promised).
/// Source: ours.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time after which a site is tried again that could not be opened. Source: ours.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// The extensions of the workloads of this host.
pub struct Extensions {
    agent: Arc<AgentRuntime>,
    sites: Arc<dyn Sites>,
    reports: Arc<Reports>,
    runs: HashMap<ResourceUuid, Run>,
    log: Arc<Log>,
}

/// One start of the endpoint of a workload.
struct Run {
    wanted: ExtensionEndpoint,
    at: BTreeMap<String, (Site, Point)>,
    /// True once it has answered.
    has_answered: bool,
}

/// The endpoint at one site.
enum Point {
    Serving(Serving),
    /// It could not be opened, and is tried again.
    Refused {
        state: ExtensionState,
        detail: String,
        again_at: Duration,
    },
    /// It stopped by itself, and stays so until the next run.
    Stopped(String),
}

impl Extensions {
    /// Tells the control plane that this agent serves the dialect, so that it waits for reports. Where it cannot be told
    /// now, that is repeated.
    pub async fn begin(agent: Arc<AgentRuntime>, sites: Arc<dyn Sites>, log: Arc<Log>) -> Self {
        let reports = Arc::new(Reports::new(Arc::clone(&agent), Arc::clone(&log)));
        reports.announce().await;
        Self { agent, sites, reports, runs: HashMap::new(), log }
    }

    /// Serves what is wanted until told to stop.
    pub async fn serve(mut self, mut stop: Stop) {
        let (mut agent, mut sites) = (self.agent.changes(), self.sites.changes());
        let reports = tokio::spawn(Arc::clone(&self.reports).send(stop.clone()));
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.follow().await;
        self.look().await;
        self.sites.close_rest().await;
        let mut has_changed = false;
        loop {
            if has_changed {
                self.follow().await;
            }
            self.look().await;
            has_changed = tokio::select! {
                () = stopped(&mut stop) => break,
                Ok(()) = agent.changed() => true,
                Ok(()) = sites.changed() => true,
                _ = look.tick() => false,
            };
        }
        // The sockets of bindings stay held, for the agent that is started next.
        let points = self.runs.drain().flat_map(|(_, run)| run.at.into_values().map(|(_, point)| point));
        let serving = points.filter_map(|point| if let Point::Serving(serving) = point { Some(serving) } else { None });
        // Together: each may wait for who has just connected.
        serving.map(Serving::end_in_peace).collect::<JoinSet<()>>().join_all().await;
        reports.abort();
    }

    /// Ends what is not wanted any more, and begins what is.
    async fn follow(&mut self) {
        let wanted: HashMap<ResourceUuid, ExtensionEndpoint> = self.agent.core.extensions().into_iter().collect();
        let over: Vec<ResourceUuid> = self
            .runs
            .keys()
            .copied()
            .filter(|id| self.runs.get(id).is_none_or(|run| wanted.get(id) != Some(&run.wanted)))
            .collect();
        for id in over {
            if let Some(run) = self.runs.remove(&id) {
                self.end(run.at).await;
            }
            self.reports.forget(id);
        }
        for (id, wanted) in wanted {
            let run = self.runs.entry(id).or_insert_with(|| Run { wanted, at: BTreeMap::new(), has_answered: false });
            let now: BTreeMap<String, Site> =
                self.sites.of(id).into_iter().map(|site| (site.key.clone(), site)).collect();
            let gone: BTreeMap<_, _> = run.at.extract_if(.., |key, _| !now.contains_key(key)).collect();
            for (key, site) in now {
                let begin =
                    Point::Refused { state: ExtensionState::Failed, detail: String::new(), again_at: Duration::ZERO };
                run.at.entry(key).or_insert((site, begin));
            }
            self.end(gone).await;
        }
    }

    /// Looks at every site: at those that serve, whether they still do; at the others, whether it is time to try again.
    async fn look(&mut self) {
        let mut resolves = None;
        for (id, run) in &mut self.runs {
            for (site, point) in run.at.values_mut() {
                match point {
                    Point::Serving(serving) => {
                        if let Some(why) = serving.why_stopped() {
                            let before = std::mem::replace(point, Point::Stopped(why.clone()));
                            close(&*self.sites, site, before).await;
                            let event = Event::named("extensionStopped").with("workload", id);
                            self.log.event(&event, &why);
                        }
                    }
                    Point::Stopped(_) => {}
                    Point::Refused { again_at, .. } if clock::since_boot() < *again_at => {}
                    Point::Refused { .. } => {
                        let resolves = match resolves {
                            Some(resolves) => resolves,
                            None => *resolves.insert(self.agent.resolves_login().await),
                        };
                        *point = open(&self.agent, &*self.sites, &self.log, (*id, run.wanted), site, resolves).await;
                    }
                }
            }
            let points = run.at.values().map(|(_, point)| point.at());
            let Some((state, detail)) = outcome(points, run.has_answered) else { continue };
            run.has_answered |= state == ExtensionState::Answers;
            self.reports.say(*id, run.wanted.run, state, detail);
        }
    }

    async fn end(&self, points: BTreeMap<String, (Site, Point)>) {
        for (site, point) in points.into_values() {
            close(&*self.sites, &site, point).await;
        }
    }
}

impl Point {
    fn at(&self) -> At<'_> {
        match self {
            Self::Serving(serving) => serving.at(),
            Self::Refused { state, detail, .. } => At::Refused(*state, detail),
            Self::Stopped(why) => At::Stopped(why),
        }
    }
}

/// Opens the endpoint at a site, unless it cannot be served there.
async fn open(
    agent: &Arc<AgentRuntime>,
    sites: &dyn Sites,
    log: &Arc<Log>,
    (workload, wanted): (ResourceUuid, ExtensionEndpoint),
    site: &Site,
    resolves: bool,
) -> Point {
    let again_at = clock::since_boot() + TRY_AGAIN;
    let refused = |state, detail: String| Point::Refused { state, detail, again_at };
    if site.kind == SiteKind::Loopback && wanted.system == System::Windows {
        return refused(ExtensionState::OtherSystem, "a network namespace of this host runs Linux".to_owned());
    }
    // One that answered before this agent was started goes on.
    if !resolves && !sites.is_open(site) {
        return refused(ExtensionState::LoginNotResolved, String::new());
    }
    match sites.open(site, wanted.port).await {
        Ok(sockets) => Point::Serving(Serving::begin(agent, log, (workload, wanted), site, sockets, sites)),
        Err(SiteError::Taken(what)) => refused(ExtensionState::PortTaken, what),
        Err(SiteError::Failed(why)) => refused(ExtensionState::Failed, why),
    }
}

/// Ends the endpoint at a site, and closes its port there.
async fn close(sites: &dyn Sites, site: &Site, point: Point) {
    if let Point::Serving(serving) = point {
        serving.end().await;
        sites.close(site).await;
    }
}
