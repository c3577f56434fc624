from rolling_extract import Extract, Join, run

EXTRACT = Extract(
    entity="Loans",
    metric="Amount",
    aggregate="avg",
    date_column="loan_date",
    window_months=3,
    time_zone="Etc/GMT",
    joins=(
        Join("Account", left="Loans.Account_idAccount", right="idAccount"),
        Join("Client", left="Account.Client_idClient", right="idClient"),
        Join("Branch", left="Client.Branch_idBranch", right="idBranch"),
        Join("Bank", left="Branch.Bank_idBank", right="idBank"),
    ),
    group={"branch_id": "Branch.idBranch", "branch_address": "Branch.Address"},
    recipient={"bank_name": "Bank.Name"},
)

if __name__ == "__main__":
    run(EXTRACT)
