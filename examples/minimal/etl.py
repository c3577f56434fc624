from rolling_extract import Extract, Join, Metric, run

EXTRACT = Extract(
    entity="sales",
    date_column="sold_on",
    joins=(Join("shops", left="sales.shop_id", right="id"),),
    recipient={"region": "shops.region"},
    group_by={"shop_id": "shops.id"},
    metrics={
        "sales_count": Metric("count", "amount"),
        "amount_sum": Metric("sum", "amount"),
    },
)

if __name__ == "__main__":
    run(EXTRACT)
