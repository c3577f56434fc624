from rolling_extract import Extract, Join, run

EXTRACT = Extract(
    entity="sales",
    metric="amount",
    aggregate="sum",
    date_column="sold_on",
    window_months=1,
    joins=(Join("shops", left="sales.shop_id", right="id"),),
    group={"shop_id": "shops.id"},
    recipient={"region": "shops.region"},
)

if __name__ == "__main__":
    run(EXTRACT)
