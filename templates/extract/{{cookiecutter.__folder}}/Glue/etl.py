{%- import 'answers.jinja' as answers with context -%}
{#- A formatter breaks lines of more than 88 columns. Letters of some scripts are two columns wide. -#}
{%- macro fits(line) -%}
{%- set wide = [] -%}
{%- for letter in line if letter >= '\u1100' %}{% set _ = wide.append(letter) %}{% endfor -%}
{{ 'yes' if line | length + wide | length <= 88 }}
{%- endmacro -%}
{#- A key's column, or a tuple of them. -#}
{%- macro key(columns) -%}
{%- if columns | length > 1 %}("{{ columns | join('", "') }}"){% else %}"{{ columns[0] }}"{% endif -%}
{%- endmacro -%}
from rolling_extract import {% if answers.csv %}Csv, {% endif %}Extract, {% if answers.csv %}File, {% endif %}{% if answers.joins %}Join, {% endif %}Metric, run

EXTRACT = Extract(
    entity="{{ answers.entity }}",
{%- if answers.schema != 'public' %}
    schema="{{ answers.schema }}",
{%- endif %}
    date_column="{{ answers.date_column }}",
    time_zone="{{ answers.time_zone }}",
{%- set joins = [] %}
{%- for join in answers.joins %}
{%- set _ = joins.append('Join("' ~ join.table ~ '", left=' ~ key(join.lefts) ~ ', right=' ~ key(join.rights) ~ '),') %}
{%- endfor %}
{%- if joins | length == 1 and fits('    joins=(' ~ joins[0] ~ '),') %}
    joins=({{ joins[0] }}),
{%- elif joins %}
    joins=(
{%- for join in answers.joins %}
{%- if fits('        ' ~ joins[loop.index0]) %}
        {{ joins[loop.index0] }}
{%- else %}
        Join(
            "{{ join.table }}",
{%- for side, columns in (('left', join.lefts), ('right', join.rights)) %}
{%- set line = '            ' ~ side ~ '=' ~ key(columns) ~ ',' %}
{%- if fits(line) or columns | length == 1 %}
{{ line }}
{%- else %}
            {{ side }}=(
{%- for column in columns %}
                "{{ column }}",
{%- endfor %}
            ),
{%- endif %}
{%- endfor %}
        ),
{%- endif %}
{%- endfor %}
    ),
{%- else %}
    joins=(),
{%- endif %}
{%- for field, columns in (('recipient', [answers.recipient]), ('group_by', answers.group)) %}
{%- set pairs = [] %}
{%- for column in columns %}{% set _ = pairs.append('"' ~ column.label ~ '": "' ~ column.source ~ '"') %}{% endfor %}
{%- set line = '    ' ~ field ~ '={' ~ pairs | join(', ') ~ '},' %}
{%- if fits(line) %}
{{ line }}
{%- else %}
    {{ field }}={
{%- for pair in pairs %}
        {{ pair }},
{%- endfor %}
    },
{%- endif %}
{%- endfor %}
    metrics={
{%- for metric in answers.metrics %}
{%- set start, end = '        "' ~ metric.name ~ '": Metric(', '),' %}
{%- set expression = [] if answers.counts_rows else [answers.expression] %}
{%- set arguments = ['"' ~ metric.aggregate ~ '"'] + expression + ['window=' ~ answers.window_months] %}
{%- set line = arguments | join(', ') %}
{%- if fits(start ~ line ~ end) %}
{{ start ~ line ~ end }}
{%- else %}
{{ start }}
{%- if fits('            ' ~ line) %}
            {{ line }}
{%- else %}
{%- for argument in arguments %}
            {{ argument }},
{%- endfor %}
{%- endif %}
        {{ end }}
{%- endif %}
{%- endfor %}
    },
{%- if answers.delimiter == 'other' %}
    # EDIT: the format that the recipients expect, with all its fields in
    # {{ cookiecutter._repository }}/blob/v{{ cookiecutter._version }}/docs/how-to/recipient-formats.md
{%- endif %}
{%- if answers.csv %}
    file=File(format=Csv({{ answers.csv }})),
{%- endif %}
)

if __name__ == "__main__":
    run(EXTRACT)
