//! Requests that no client should send.

use crate::cloud::{ARM, Answer, Cloud, VM};
use http::Method;
use serde_json::{Map, Value, json};
use std::time::Instant;

fn put(cloud: &Cloud, body: &[u8]) -> Answer {
    let token = format!("Bearer {}", cloud.token(&cloud.owner));
    let target = format!("{}?api-version={VM}", cloud.vm("vm1"));
    cloud.raw(Method::PUT, &target, &[("authorization", &token)], body)
}

#[test]
fn np_06_a_body_beyond_the_limits_is_refused_quickly() {
    let cloud = Cloud::with_group();
    let nested = |depth: usize| {
        format!("{{\"location\":\"westus\",\"properties\":{}1{}}}", "{\"a\":".repeat(depth), "}".repeat(depth))
    };
    let many = format!("{{\"a\":[{}0]}}", "0,".repeat(10_000));
    let members: Vec<String> = (0..10_001).map(|n| format!("\"m{n}\":0")).collect();
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1024 * 1024));
    let deep = "[".repeat(500_000);
    put(&cloud, nested(31).as_bytes()).expect(201);
    for (body, status, code) in [
        (String::new(), 400, "InvalidRequestContent"),
        ("[]".to_owned(), 400, "InvalidRequestContent"),
        ("{".to_owned(), 400, "InvalidRequestContent"),
        ("{\"a\":1,\"a\":2}".to_owned(), 400, "InvalidRequestContent"),
        ("{\"identity\":null,\"Identity\":null}".to_owned(), 400, "InvalidRequestContent"),
        ("{\"location\":1}".to_owned(), 400, "InvalidRequestContent"),
        ("{\"location\":\"a/b\"}".to_owned(), 400, "InvalidRequestContent"),
        ("{\"a\":1e999}".to_owned(), 400, "InvalidRequestContent"),
        (nested(32), 400, "InvalidRequestContent"),
        (deep, 400, "InvalidRequestContent"),
        (many, 400, "InvalidRequestContent"),
        (format!("{{{}}}", members.join(",")), 400, "InvalidRequestContent"),
        (large, 413, "RequestContentTooLarge"),
    ] {
        let started = Instant::now();
        put(&cloud, body.as_bytes()).refused(status, code);
        assert!(started.elapsed().as_secs() < 10, "{}", &body[..body.len().min(40)]);
    }
}

#[test]
fn np_06_a_resource_does_not_outgrow_a_body_patch_by_patch() {
    let cloud = Cloud::with_group();
    let members = |from: usize, value: Value| {
        let all: Map<String, Value> = (from..from + 9_900).map(|n| (format!("k{n}"), value.clone())).collect();
        json!({ "properties": all })
    };
    put(&cloud, br#"{"location":"westus"}"#).expect(201);
    let patch = |body: Value| cloud.patch(&cloud.vm("vm1"), VM, body);
    patch(members(0, json!(0))).expect(200);
    patch(members(9_900, json!(0))).refused(400, "InvalidRequestContent");
    patch(members(0, Value::Null)).expect(200);
    patch(members(9_900, json!(0))).expect(200);
}

#[test]
fn removing_many_members_takes_no_longer_than_adding_them() {
    // Rows written before patches were bounded, and anything else that is as large as a row can be.
    let large: Map<String, Value> = (0..90_000).map(|n| (format!("k{n}"), json!(0))).collect();
    let cloud = Cloud::with_group();
    put(&cloud, br#"{"location":"westus"}"#).expect(201);
    cloud.change_stored(&cloud.vm("vm1"), |row| row["body"]["properties"] = Value::Object(large.clone()));
    let nulls: Map<String, Value> = (0..9_900).map(|n| (format!("k{n}"), Value::Null)).collect();
    let started = Instant::now();
    cloud.patch(&cloud.vm("vm1"), VM, json!({ "properties": nulls })).refused(400, "InvalidRequestContent");
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

#[test]
fn tn_05_an_id_that_is_stored_is_the_id_that_was_asked_for() {
    let cloud = Cloud::with_group();
    put(&cloud, br#"{"location":"westus"}"#).expect(201);
    for above in [
        "Microsoft.Resources/x/y",
        "Microsoft.Resources/deployments/d",
        "microsoft.resources/a/b/c/d",
        "Microsoft.Resources/subscriptions/x",
        "Microsoft.Resources/subscriptions/x/resourceGroups/g",
    ] {
        for (scope, code) in [
            (cloud.at("g"), "ParentResourceNotFound"),
            (cloud.root(), "ParentResourceNotFound"),
            (cloud.vm("vm1"), "ParentResourceNotFound"),
        ] {
            for name in ["vm1", "vm2"] {
                let path = format!("{scope}/providers/{above}/providers/Microsoft.Compute/virtualMachines/{name}");
                cloud.put(&path, VM, json!({"location": "westus"})).refused(404, code);
                cloud.get(&path, VM).refused(404, code);
            }
        }
    }
    cloud.get(&cloud.vm("vm2"), VM).refused(404, "ResourceNotFound");
}

#[test]
fn a_page_ends_when_its_items_are_large() {
    let cloud = Cloud::with_group();
    for n in 0..10 {
        let body = json!({"location": "westus", "properties": {"a": "x".repeat(900_000)}});
        cloud.put(&cloud.vm(&format!("vm{n}")), VM, body).expect(201);
    }
    let mut path = format!("{}/providers/Microsoft.Compute/virtualMachines?api-version={VM}", cloud.at("g"));
    let mut names = Vec::new();
    loop {
        let page = cloud.get(&path, "").expect(200);
        assert!(page.body.to_string().len() < 6 * 1024 * 1024 && !page.names().is_empty());
        names.extend(page.names().into_iter().map(str::to_owned));
        let Some(next) = page.body["nextLink"].as_str() else { break };
        path = next.strip_prefix("https://localhost:8443").unwrap().to_owned();
    }
    names.sort_unstable();
    assert_eq!(names, (0..10).map(|n| format!("vm{n}")).collect::<Vec<_>>());
}

#[test]
fn a_stale_etag_is_refused_before_anything_is_merged() {
    let cloud = Cloud::with_group();
    put(&cloud, br#"{"location":"westus"}"#).expect(201);
    let token = format!("Bearer {}", cloud.token(&cloud.owner));
    let headers = [("authorization", token.as_str()), ("if-match", "\"0\"")];
    let target = format!("{}?api-version={VM}", cloud.vm("vm1"));
    // Another place is refused when the body is merged: the etag comes first.
    let body = br#"{"location":"eastus"}"#;
    for method in [Method::PUT, Method::PATCH] {
        cloud.raw(method, &target, &headers, body).refused(412, "PreconditionFailed");
    }
}

#[test]
fn tags_are_bounded() {
    let cloud = Cloud::with_group();
    let body = |tags| json!({"location": "westus", "tags": tags}).to_string();
    let tags = |count: usize| (0..count).map(|n| (format!("t{n}"), json!("v"))).collect::<serde_json::Map<_, _>>();
    put(&cloud, body(json!(tags(50))).as_bytes()).expect(201);
    put(&cloud, body(json!(tags(51))).as_bytes()).refused(400, "TooManyTags");
    for wrong in [json!([]), json!({"a": 1}), json!({"a": null}), json!({"a": "x", "A": "y"})] {
        put(&cloud, body(wrong.clone()).as_bytes()).refused(400, "InvalidRequestContent");
    }
    for wrong in [json!({"": "x"}), json!({"a<": "x"}), json!({"a\u{7}": "x"})] {
        put(&cloud, body(wrong.clone()).as_bytes()).refused(400, "InvalidTagNameCharacters");
    }
    // Of characters, not of bytes.
    put(&cloud, body(json!({"ä".repeat(512): "ö".repeat(256)})).as_bytes()).expect(200);
    put(&cloud, body(json!({"a".repeat(513): "x"})).as_bytes()).refused(400, "InvalidTagName");
    put(&cloud, body(json!({"a": "x".repeat(257)})).as_bytes()).refused(400, "InvalidTagValueLength");
}

#[test]
fn a_request_target_that_means_nothing_is_refused() {
    let cloud = Cloud::with_group();
    let root = cloud.root();
    for (path, status, code) in [
        ("/", 404, "MissingSubscription"),
        ("/nothing", 404, "MissingSubscription"),
        ("/subscriptions/x", 400, "InvalidSubscriptionId"),
        ("/subscriptions/00000000-0000-0000-0000-000000000000", 404, "SubscriptionNotFound"),
        (&format!("{root}/resourceGroups/g/providers/Microsoft.Nope/a/b"), 404, "InvalidResourceNamespace"),
        (&format!("{root}/resourceGroups/g/providers/Microsoft.Compute/nope/b"), 404, "InvalidResourceType"),
        (&format!("{root}/resourceGroups/g/providers/Microsoft.Authorization/locks/l"), 404, "LockNotFound"),
        (
            &format!("{root}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/a%252Fb"),
            400,
            "InvalidRequestUri",
        ),
        (&format!("{root}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/.."), 400, "InvalidRequestUri"),
        (
            &format!("{root}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/a%00"),
            400,
            "InvalidRequestUri",
        ),
        (
            &format!("{root}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/%C4%B1"),
            400,
            "InvalidRequestUri",
        ),
        (
            &format!("{root}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/{}", "a".repeat(900)),
            400,
            "InvalidRequestUri",
        ),
        (&format!("{root}/resourceGroups/g/providers"), 404, "InvalidResourceType"),
        (&format!("{root}/operationresults/x"), 400, "InvalidRequestUri"),
    ] {
        cloud.get(path, VM).refused(status, code);
    }
}

#[test]
fn a_path_that_azure_has_and_nobody_serves_here_says_which_type_is_missing() {
    let cloud = Cloud::with_group();
    let group = cloud.at("g");
    let own = "subscriptions/resourceGroups";
    for (method, path, namespace, types) in [
        (Method::POST, format!("{group}/exportTemplate"), "Microsoft.Resources", format!("{own}/exportTemplate")),
        (Method::POST, format!("{group}/moveResources"), "Microsoft.Resources", format!("{own}/moveResources")),
        (
            Method::POST,
            format!("{group}/validateMoveResources"),
            "Microsoft.Resources",
            format!("{own}/validateMoveResources"),
        ),
        (
            Method::GET,
            "/providers/Microsoft.Management/serviceGroups/s".into(),
            "Microsoft.Management",
            "serviceGroups".into(),
        ),
        (
            Method::PUT,
            "/providers/Microsoft.Resources/deployments/d".into(),
            "Microsoft.Resources",
            "deployments".into(),
        ),
        (
            Method::GET,
            format!("{group}/providers/Microsoft.ClassicCompute/domainNames/cs1"),
            "Microsoft.ClassicCompute",
            "domainNames".into(),
        ),
        (Method::GET, format!("{group}/nothing"), "Microsoft.Resources", format!("{own}/nothing")),
    ] {
        let body = json!({"location": "westus", "identity": {"type": "SystemAssigned"}});
        let answer = cloud.call(&cloud.owner, method, &path, ARM, Some(body)).refused(404, "InvalidResourceType");
        let expected = format!(
            "The resource type '{types}' could not be found in the namespace '{namespace}' for api version '{ARM}'."
        );
        assert_eq!(answer.body["error"]["message"], expected, "{path}");
    }
    // Without a subscription there is none to be asked for.
    cloud.get("/providers/Microsoft.Compute/virtualMachines/vm1", VM).refused(404, "MissingSubscription");
    cloud.get("/providers/Microsoft.Nope/things/t", VM).refused(404, "InvalidResourceNamespace");
}

#[test]
fn a_percent_encoded_path_means_what_it_spells() {
    let cloud = Cloud::with_group();
    let vm = cloud.vm("vm1");
    cloud.put(&vm, VM, json!({"location": "westus"})).expect(201);
    let stranger = cloud.person(cloud.tenant, &[]);
    for path in [
        vm.replace('/', "%2F").replacen("%2F", "/", 1),
        vm.replace('/', "/%2f"),
        vm.replacen("subscriptions", "%73ubscriptions", 1),
        vm.replace("virtualMachines/vm1", "virtual%4Dachines%2Fvm%31"),
        vm.replace("resourceGroups/g", "%72esourceGroups/%67"),
    ] {
        assert_eq!(cloud.get(&path, VM).expect(200).body["id"], vm, "{path}");
        // Access is decided on the same reading.
        let denied = cloud.call(&stranger, Method::GET, &path, VM, None).refused(403, "AuthorizationFailed");
        assert!(denied.body["error"]["message"].as_str().unwrap().contains(&format!("over scope '{vm}'")), "{path}");
        let nobody = cloud.raw(Method::GET, &format!("{path}?api-version={VM}"), &[], b"");
        assert!(nobody.header("www-authenticate").contains(&cloud.tenant.to_string()), "{path}");
    }
    // A child is a child, however its slash is written.
    cloud.put(&format!("{vm}%2Fextensions%2Fe1"), VM, json!({"location": "westus"})).expect(201);
    assert_eq!(cloud.get(&format!("{vm}/extensions/e1"), VM).expect(200).body["name"], "e1");
    for wrong in ["%252e", "%25", "..%2Fvm1", "%2e%2e/vm1", "a%5Cb", "a%0Ab", "a%00", "%ff", "a%3Fb", "a%23b"] {
        let path = vm.replace("/vm1", &format!("/{wrong}"));
        cloud.get(&path, VM).refused(400, "InvalidRequestUri");
    }
}

#[test]
fn an_api_version_is_required_and_is_a_date() {
    let cloud = Cloud::with_group();
    for (query, code) in [
        ("", "MissingApiVersionParameter"),
        ("?api-version=", "MissingApiVersionParameter"),
        ("?api-version=latest", "InvalidApiVersionParameter"),
        ("?api-version=2024-13-01", "InvalidApiVersionParameter"),
        ("?api-version=2024-11-01&API-version=2024-11-01", "InvalidRequestParameter"),
        ("?api-version=%zz", "InvalidRequestParameter"),
    ] {
        cloud.get(&format!("{}{query}", cloud.vm("vm1")), "").refused(400, code);
    }
}

#[test]
fn a_method_that_a_path_has_not_is_refused() {
    let cloud = Cloud::with_group();
    let call = |method: Method, path: &str| cloud.call(&cloud.owner, method, path, VM, None);
    let root = cloud.root();
    for (method, path) in [
        (Method::POST, cloud.at("g")),
        (Method::POST, cloud.vm("vm1")),
        (Method::TRACE, cloud.vm("vm1")),
        (Method::DELETE, "/subscriptions".to_owned()),
        (Method::POST, "/metadata/endpoints".to_owned()),
        (Method::PUT, root.clone()),
        (Method::POST, format!("{root}/resourceGroups")),
        (Method::HEAD, format!("{root}/resources")),
        (Method::POST, format!("{root}/locations")),
        (Method::PUT, format!("{}/resources", cloud.at("g"))),
        (Method::DELETE, format!("{root}/providers/Microsoft.Compute")),
        (Method::GET, format!("{root}/providers/Microsoft.Compute/register")),
        (Method::PUT, format!("{root}/providers/Microsoft.Authorization/permissions")),
    ] {
        call(method, &path).refused(405, "MethodNotAllowed");
    }
    call(Method::POST, &format!("{}/fly", cloud.vm("vm1"))).refused(404, "InvalidResourceAction");
}

#[test]
fn paging_and_filters_are_bounded() {
    let cloud = Cloud::with_group();
    let list = |query: &str| cloud.get(&format!("{}/resources?{query}", cloud.root()), VM);
    list("$top=0").refused(400, "InvalidRequestParameter");
    list("$top=-1").refused(400, "InvalidRequestParameter");
    list("$top=9223372036854775808").expect(200);
    list("$skiptoken=zzzz").refused(400, "InvalidRequestParameter");
    list("$filter=").expect(200);
    let nope = list("$filter=nope%20eq%20%27a%27").refused(400, "InvalidFilterInQueryString");
    assert_eq!(
        nope.body["error"]["message"],
        "Invalid $filter 'nope eq 'a'' specified in the query string: 'nope' cannot be filtered on here."
    );
    list("$filter=name%20eq%20%27a").refused(400, "InvalidFilterInQueryString");
    list(&format!("$filter={}", "(".repeat(3_000))).refused(400, "InvalidFilterInQueryString");
}

#[test]
fn np_08_every_answer_can_be_traced_and_is_not_cached() {
    let cloud = Cloud::with_group();
    let headers = [("x-ms-client-request-id", "7f1f2b3c-1111-2222-3333-444444444444")];
    for target in [format!("{}?api-version={VM}", cloud.vm("vm1")), "/nothing".to_owned()] {
        let answer = cloud.raw(Method::GET, &target, &headers, b"");
        assert_eq!(answer.header("x-ms-client-request-id"), headers[0].1);
        for name in
            ["x-ms-request-id", "x-ms-correlation-request-id", "x-ms-routing-request-id", "x-content-type-options"]
        {
            assert!(!answer.header(name).is_empty());
        }
        assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), ("no-cache", "nosniff"));
    }
}
