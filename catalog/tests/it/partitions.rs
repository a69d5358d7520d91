//! Partitions.

use catalog::draft::{AddPartitions, AlterPartitions};
use catalog::model::Location;
use catalog::{Draft, Error, Place};

use super::fixture::{Lake, add, counts, files, message, partition_names, put_files, refused, values, write};

#[tokio::test]
async fn partitions_come_in_the_order_of_their_names() {
    let lake = Lake::with_orders().await;
    let given = [
        "2020-01-02/2",
        "2020-01-01/10",
        "2020-01-01/9",
        "a b/c",
        "%x=y/1",
        "/1",
    ];
    write!(lake, |draft| {
        let orders = draft.table("sales", "orders").await?;
        let split = |text: &&str| values(text);
        let partitions = given
            .iter()
            .map(split)
            .map(|values| Draft::partition_like(&orders, values))
            .collect();
        draft
            .add_partitions("sales", "orders", partitions, &AddPartitions::default())
            .await?;
    })
    .unwrap();
    let main = lake.main().await;
    assert_eq!(
        partition_names(&main).await,
        [
            "d=%25x%3Dy/h=1",
            "d=2020-01-01/h=10",
            "d=2020-01-01/h=9",
            "d=2020-01-02/h=2",
            "d=__HIVE_DEFAULT_PARTITION__/h=1",
            "d=a b/h=c",
        ]
    );
    let orders = main.table("sales", "orders").await.unwrap();
    assert_eq!(
        main.partition(&orders, &values("%x=y/1")).await.unwrap().values,
        ["%x=y", "1"]
    );
    // an empty value has the name of the default partition, and stays empty
    assert_eq!(
        main.partition(&orders, &values("/1")).await.unwrap().values,
        ["", "1"]
    );
    refused!(
        main.partition(&orders, &values("x/1")).await,
        Error::NoSuchPartition { .. }
    );
    refused!(
        main.partition(&orders, &values("x")).await,
        Error::PartitionArity { .. }
    );
    assert_eq!(main.count_partitions(orders.id, "").await.unwrap(), 6);
    assert_eq!(
        main.count_partitions(orders.id, "d=2020-01-01/").await.unwrap(),
        2
    );
}

#[tokio::test]
async fn leading_values_and_any_find_partitions() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| add(draft, &["1/1", "1/2", "2/1", "22/1"]).await?).unwrap();
    let main = lake.main().await;
    let orders = main.table("sales", "orders").await.unwrap();
    for (given, expected) in [
        ("1", vec!["d=1/h=1", "d=1/h=2"]),
        ("2", vec!["d=2/h=1"]),
        ("/1", vec!["d=1/h=1", "d=2/h=1", "d=22/h=1"]),
        ("2/1", vec!["d=2/h=1"]),
        ("", vec!["d=1/h=1", "d=1/h=2", "d=2/h=1", "d=22/h=1"]),
    ] {
        let mut scan = main.partitions_matching(&orders, &values(given)).unwrap();
        let mut found = Vec::new();
        while let Some(partition) = scan.next().await.unwrap() {
            found.push(partition.name.to_owned());
        }
        assert_eq!(found, expected, "{given}");
    }
    refused!(
        main.partitions_matching(&orders, &values("1/2/3")),
        Error::PartitionArity { .. }
    );
    let mut scan = main.partitions(orders.id);
    scan.seek("d=2").await.unwrap();
    assert_eq!(scan.next().await.unwrap().unwrap().name, "d=2/h=1");
}

#[tokio::test]
async fn a_list_of_partitions_is_added_whole_or_not_at_all() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| add(draft, &["1/1"]).await?).unwrap();
    refused!(
        write!(lake, |draft| add(draft, &["1/2", "1/1"]).await?),
        Error::PartitionExists { .. }
    );
    refused!(
        write!(lake, |draft| add(draft, &["1/2", "1/2"]).await?),
        Error::DuplicatePartition { .. }
    );
    let few = write!(lake, |draft| add(draft, &["1/2", "1"]).await?);
    assert_eq!(
        message(few),
        r#"1 partition values ["1"] for the 2 keys ["d", "h"]"#
    );
    assert_eq!(partition_names(&lake.main().await).await, ["d=1/h=1"]);
    let added = write!(lake, |draft| {
        let orders = draft.table("sales", "orders").await?;
        let list = ["1/1", "1/2"]
            .iter()
            .map(|text| Draft::partition_like(&orders, values(text)))
            .collect();
        let how = AddPartitions {
            if_not_exists: true,
            ..AddPartitions::default()
        };
        draft.add_partitions("sales", "orders", list, &how).await?
    });
    assert_eq!(
        added
            .unwrap()
            .iter()
            .map(|added| added.name.as_str())
            .collect::<Vec<_>>(),
        ["d=1/h=2"]
    );
}

#[tokio::test]
async fn files_are_counted_where_there_are_some() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| {
        put_files(
            draft,
            &["sales.db/orders/d=1/h=1/f", "sales.db/orders/d=1/h=1/_SUCCESS"],
        );
        add(draft, &["1/1", "1/2"]).await?;
    })
    .unwrap();
    let main = lake.main().await;
    let orders = main.table("sales", "orders").await.unwrap();
    for (name, files, bytes) in [("d=1/h=1", Some("1"), Some("10")), ("d=1/h=2", None, None)] {
        let found = main.find_partition(orders.id, name).await.unwrap().unwrap();
        assert_eq!(
            (found.parameter("numFiles"), found.parameter("totalSize")),
            (files, bytes),
            "{name}"
        );
        assert_eq!(found.parameter("transient_lastDdlTime"), Some("1767225600"));
    }
}

#[tokio::test]
async fn partitions_are_altered_in_place() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| add(draft, &["1/1", "1/2"]).await?).unwrap();
    let alter = async |text: &'static str, location: Option<Location>| {
        write!(lake, |draft| {
            let orders = draft.table("sales", "orders").await?;
            let mut partition = Draft::partition_like(&orders, values(text));
            partition.set_parameter("k", "v");
            partition.storage.as_mut().unwrap().location = location.clone();
            draft
                .alter_partitions("sales", "orders", vec![partition], &AlterPartitions::default())
                .await?;
        })
    };
    alter("1/1", None).await.unwrap();
    alter("1/2", Some(Location::Rel("x".into()))).await.unwrap();
    refused!(alter("9/9", None).await, Error::NoSuchPartition { .. });
    let main = lake.main().await;
    let orders = main.table("sales", "orders").await.unwrap();
    for (name, location) in [
        ("d=1/h=1", Location::Default),
        ("d=1/h=2", Location::Rel("x".into())),
    ] {
        let found = main.find_partition(orders.id, name).await.unwrap().unwrap();
        assert_eq!(found.storage.as_ref().unwrap().location, Some(location));
        assert_eq!(
            (found.parameter("k"), found.created_s),
            (Some("v"), Some(1_767_225_600))
        );
    }
}

#[tokio::test]
async fn files_of_a_renamed_partition_are_counted_unless_they_were() {
    let lake = Lake::with_orders().await;
    let put = async |path: &'static str| write!(lake, |draft| put_files(draft, &[path])).unwrap();
    let rename = async |from: &'static str, to: &'static str, says: Option<&'static str>| {
        write!(lake, |draft| {
            let orders = draft.table("sales", "orders").await?;
            let mut partition = draft.partition(&orders, &values(from)).await?;
            partition.values = values(to);
            let parameters = partition.parameters.get_or_insert_default();
            match says {
                Some(files) => drop(parameters.insert("numFiles".into(), files.into())),
                None => parameters.clear(),
            }
            draft
                .rename_partition("sales", "orders", &values(from), partition)
                .await?;
            let found = draft.partition(&orders, &values(to)).await?;
            let parameters = found.parameters.unwrap_or_default();
            ["numFiles", "totalSize"].map(|key| parameters.get(key).cloned().unwrap_or_default())
        })
        .unwrap()
    };
    write!(lake, |draft| drop(add(draft, &["1/1"]).await?)).unwrap();
    put("sales.db/orders/d=1/h=1/f").await;
    assert_eq!(rename("1/1", "2/2", None).await, ["1", "10"]);
    put("sales.db/orders/d=2/h=2/g").await;
    assert_eq!(rename("2/2", "3/3", Some("1")).await, ["1", "10"], "as was known");
    assert_eq!(
        rename("3/3", "4/4", Some("7")).await,
        ["2", "20"],
        "something else"
    );
}

#[tokio::test]
async fn a_renamed_partition_leaves_its_folder_free() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| {
        add(draft, &["1/1", "1/3"]).await?;
        put_files(
            draft,
            &["sales.db/orders/d=1/h=1/f", "sales.db/orders/d=1/h=11/f"],
        );
    })
    .unwrap();
    let rename = async |from: &'static str, to: &'static str| {
        write!(lake, |draft| {
            let orders = draft.table("sales", "orders").await?;
            let mut partition = draft.partition(&orders, &values(from)).await?;
            partition.values = values(to);
            draft
                .rename_partition("sales", "orders", &values(from), partition)
                .await?;
        })
    };
    rename("1/1", "2/2").await.unwrap();
    let main = lake.main().await;
    assert_eq!(partition_names(&main).await, ["d=1/h=3", "d=2/h=2"]);
    assert_eq!(
        files(&main).await,
        ["sales.db/orders/d=1/h=11/f", "sales.db/orders/d=2/h=2/f"]
    );
    // a client that says where the partition was means the same
    write!(lake, |draft| {
        let orders = draft.table("sales", "orders").await?;
        let mut partition = draft.partition(&orders, &values("2/2")).await?;
        partition.values = values("4/4");
        let was = Location::Rel("sales.db/orders/d=2/h=2".into());
        partition.storage.as_mut().unwrap().location = Some(was);
        draft
            .rename_partition("sales", "orders", &values("2/2"), partition)
            .await?;
    })
    .unwrap();
    let main = lake.main().await;
    assert_eq!(
        files(&main).await,
        ["sales.db/orders/d=1/h=11/f", "sales.db/orders/d=4/h=4/f"]
    );
    let orders = main.table("sales", "orders").await.unwrap();
    let found = main.partition(&orders, &values("4/4")).await.unwrap();
    assert_eq!(found.storage.unwrap().location, Some(Location::Default));
    rename("4/4", "2/2").await.unwrap();
    refused!(rename("1/3", "2/2").await, Error::PartitionExists { .. });
    refused!(rename("2/2", "2/2").await, Error::PartitionExists { .. });
    refused!(rename("1/1", "2/3").await, Error::NoSuchPartition { .. });
}

#[tokio::test]
async fn dropped_partitions_take_their_data_along() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| {
        add(draft, &["1/1", "1/2", "1/3"]).await?;
        let orders = draft.table("sales", "orders").await?;
        let mut elsewhere = Draft::partition_like(&orders, values("2/1"));
        elsewhere.storage.as_mut().unwrap().location = Some(Location::Rel("x".into()));
        draft
            .add_partitions("sales", "orders", vec![elsewhere], &AddPartitions::default())
            .await?;
        let kept = "sales.db/orders/d=1/h=11/f";
        put_files(
            draft,
            &[
                "sales.db/orders/d=1/h=1/f",
                kept,
                "sales.db/orders/d=1/h=2/f",
                "x/f",
                "y",
            ],
        );
    })
    .unwrap();
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let missing = names(&["d=1/h=1", "d=9/h=9"]);
    let refusal = write!(lake, |draft| draft
        .drop_partitions("sales", "orders", &missing, true, false)
        .await?);
    refused!(refusal, Error::MissingPartitions { count: 1, .. });
    let missing = names(&["d=1/h=1", "d=9/h=9"]);
    write!(lake, |draft| draft
        .drop_partitions("sales", "orders", &missing, true, true)
        .await?)
    .unwrap();
    let kept = names(&["d=1/h=2"]);
    write!(lake, |draft| draft
        .drop_partitions("sales", "orders", &kept, false, false)
        .await?)
    .unwrap();
    let main = lake.main().await;
    assert_eq!(partition_names(&main).await, ["d=1/h=3", "d=2/h=1"]);
    assert_eq!(
        files(&main).await,
        [
            "sales.db/orders/d=1/h=11/f",
            "sales.db/orders/d=1/h=2/f",
            "x/f",
            "y"
        ]
    );
    let orders = main.table("sales", "orders").await.unwrap();
    assert_eq!(
        orders.partition_place("d=2/h=1", &Location::Rel("x".into())),
        Place::Path("x".into())
    );
    // the partition elsewhere goes with its table
    write!(lake, |draft| draft.drop_table("sales", "orders", true).await?).unwrap();
    let main = lake.main().await;
    assert_eq!(files(&main).await, ["y"]);
    assert_eq!(counts(&main).await, [1, 0, 0, 1]);
}
