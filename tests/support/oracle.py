"""The expected files of the bank, computed from generated rows without SQL, Spark or the engine."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from local_cloud.demo import store


def last_day(month: date) -> date:
    return store.months_before(month, -1) - timedelta(days=1)


def oracle(rows: store.Store, bank: str) -> bytes:
    """Return the expected file of one bank for the last month of the source."""
    first, last = store.months_before(rows.last_month, 2), last_day(rows.last_month)
    bank_id = next(number for number, name, _ in rows.banks if name == bank)
    branch_of_client = {client[0]: client[3] for client in rows.clients}
    branch_of_account = {account[0]: branch_of_client[account[2]] for account in rows.accounts}
    amounts = defaultdict(list)
    for loan in rows.loans:
        if first <= loan.day <= last and loan.amount is not None:
            amounts[branch_of_account[loan.account]].append(loan.amount)

    def money(value: Decimal) -> str:
        return str(value.quantize(Decimal("0.01"), ROUND_HALF_UP))

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    labels = (
        "bank_name branch_id branch_address period window_start window_end loans_count amount_sum amount_avg"
    )
    writer.writerow(labels.split())
    for branch, owner, address in sorted(rows.branches):
        if owner != bank_id:
            continue
        given = amounts[branch]
        figures = [str(sum(given)), money(Decimal(sum(given)) / len(given))] if given else ["", ""]
        period = f"{rows.last_month:%Y-%m}"
        writer.writerow([bank, branch, address, period, first, last, len(given), *figures])
    return text.getvalue().encode()
