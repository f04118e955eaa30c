ALTER TYPE mood ADD VALUE 'bad';
SELECT '{{1,2},{3,4}}'::int[][]; -- a template's braces are a string's here
