from rolling_extract import Extract, Join, Metric, run

EXTRACT = Extract(
    entity="Loans",
    date_column="loan_date",
    time_zone="Etc/GMT",
    joins=(
        Join("Account", left="Loans.Account_idAccount", right="idAccount"),
        Join("Client", left="Account.Client_idClient", right="idClient"),
        Join("Branch", left="Client.Branch_idBranch", right="idBranch"),
        Join("Bank", left="Branch.Bank_idBank", right="idBank"),
    ),
    recipient={"bank_name": "Bank.Name"},
    group_by={"branch_id": "Branch.idBranch", "branch_address": "Branch.Address"},
    metrics={
        "loans_count": Metric("count", "Amount", window=3),
        "amount_sum": Metric("sum", "Amount", window=3),
        "amount_avg": Metric("avg", "Amount", window=3),
    },
)

if __name__ == "__main__":
    run(EXTRACT)
