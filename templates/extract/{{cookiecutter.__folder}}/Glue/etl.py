{%- import 'answers.jinja' as answers with context -%}
from rolling_extract import Extract, {% if answers.hops %}Join, {% endif %}run

EXTRACT = Extract(
    entity="{{ answers.entity }}",
{%- if answers.schema != 'public' %}
    schema="{{ answers.schema }}",
{%- endif %}
    metric="{{ answers.metric }}",
    aggregate="{{ answers.aggregate }}",
    date_column="{{ answers.date_column }}",
    window_months={{ answers.window_months }},
{%- if answers.hops %}
    joins=(
{%- for hop in answers.hops %}
        Join("{{ hop.table }}", left="{{ hop.left }}", right="{{ hop.right }}"),
{%- endfor %}
    ),
{%- else %}
    joins=(),
{%- endif %}
    group={ {%- for column in answers.group %}"{{ column.label }}": "{{ column.source }}"{{ '' if loop.last else ', ' }}{% endfor -%} },
    recipient={"{{ answers.recipient.label }}": "{{ answers.recipient.source }}"},
)

if __name__ == "__main__":
    run(EXTRACT)
