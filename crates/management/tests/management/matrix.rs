//! Every route for every kind of caller (TN-06): what each is answered is checked in and compared.

use crate::cloud::{AUTHZ, Cloud, Person, VM};
use http::Method;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use uuid::Uuid;

const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

/// A cloud in which everything that `routes.txt` names is there, and a person of each kind.
struct World {
    cloud: Cloud,
    people: [(&'static str, Option<Person>); 5],
    operation: String,
    assigned: Person,
}

impl World {
    fn new() -> Self {
        let cloud = Cloud::with_group();
        cloud.make_identity("id1");
        let machine = json!({"location": "westus", "identity": {"type": "SystemAssigned"}});
        let made = cloud.put(&cloud.vm("vm1"), VM, machine).expect(201);
        let operation = made
            .header("azure-asyncoperation")
            .split(['/', '?'])
            .find(|part| part.parse::<Uuid>().is_ok() && *part != cloud.subscription.to_string())
            .unwrap()
            .to_owned();
        let assigned = cloud.person(cloud.tenant, &[]);
        let people = [
            ("nobody", None),
            ("foreigner", Some(cloud.other_owner.clone())),
            ("stranger", Some(cloud.person(cloud.tenant, &[]))),
            ("reader", Some(cloud.in_subscription("Reader"))),
            ("owner", Some(cloud.in_subscription("Owner"))),
        ];
        let world = Self { cloud, people, operation, assigned };
        world
            .cloud
            .put(&world.path("{g}/providers/Microsoft.Authorization/roleAssignments/{a}"), AUTHZ, world.assignment())
            .expect(201);
        world
    }

    fn path(&self, template: &str) -> String {
        template
            .replace("{s}", &self.cloud.root())
            .replace("{g}", &self.cloud.at("g"))
            .replace("{a}", &Uuid::from_u128(1).to_string())
            .replace("{o}", &self.operation)
    }

    fn assignment(&self) -> Value {
        json!({"location": "westus", "properties": {"principalId": self.assigned.id.to_string(),
            "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{READER}")}})
    }

    fn status(&self, who: Option<&Person>, method: &Method, path: &str) -> u16 {
        let body = match *method {
            Method::PUT | Method::PATCH if path.contains("roleAssignments") => self.assignment(),
            Method::PUT => json!({"location": "westus"}),
            Method::PATCH => json!({}),
            _ => Value::Null,
        };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let target = format!("{path}?api-version={VM}");
        let token = who.map(|who| format!("Bearer {}", self.cloud.token(who)));
        let headers: Vec<(&str, &str)> = token.iter().map(|token| ("authorization", token.as_str())).collect();
        self.cloud.raw(method.clone(), &target, &headers, body.as_bytes()).status
    }
}

#[test]
fn tn_06_every_route_answers_each_caller_as_it_is_written_down() {
    let mut matrix = String::new();
    for line in include_str!("routes.txt").lines().filter(|line| !line.starts_with('#')) {
        let (method, template) = line.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        // Each line begins anew: some of them delete.
        let world = World::new();
        write!(matrix, "{line}:").unwrap();
        for (name, person) in &world.people {
            let status = world.status(person.as_ref(), &method, &world.path(template));
            write!(matrix, " {name} {status}").unwrap();
        }
        matrix.push('\n');
    }
    let expected = include_str!("matrix.txt");
    if matrix != expected {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix.txt");
        std::fs::write(&path, &matrix).unwrap();
        let changed = matrix.lines().zip(expected.lines()).find(|(is, was)| is != was);
        panic!(
            "who may do what has changed, for instance {changed:?}; if it is meant, copy {} over tests/management/matrix.txt",
            path.display()
        );
    }
}
