-- Pages of reports: one file with inline style, no script, nothing from elsewhere. They are
-- well-formed XML, too, fit a phone, and follow light and dark.
local M = {}

local STYLE = [[
:root { color-scheme: light dark; --page: #fbfaf7; --card: #ffffff; --ink: #1d2526; --soft: #5d6a6b;
  --line: #dfe3e0; --bad: #cc3a4f; --edge: #1a6e67; }
@media (prefers-color-scheme: dark) { :root { --page: #121617; --card: #1a2021; --ink: #e6ebea;
  --soft: #9aa8a8; --line: #2c3536; --bad: #ef6b7e; --edge: #62bbb2; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 28px 18px 48px; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0 0 8px; }
p { margin: 0 0 8px; }
.soft, footer { color: var(--soft); }
.verdict { display: inline-block; margin: 8px 0 16px; padding: 3px 12px; border-radius: 14px;
  border: 1px solid var(--edge); }
.verdict.failed { border-color: var(--bad); color: var(--bad); font-weight: 600; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 16px; margin: 0 0 16px; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 10px 24px;
  margin: 0; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; }
table { border-collapse: collapse; width: 100%; font-size: .92rem;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
td { white-space: nowrap; }
.number { text-align: right; }
footer { font-size: .85rem; margin-top: 16px; }
]]

local ESCAPES = { ['&'] = '&amp;', ['<'] = '&lt;', ['>'] = '&gt;', ['"'] = '&quot;' }

---A text as markup.
---@param text any
---@return string
function M.escape(text) return (tostring(text):gsub('[&<>"]', ESCAPES):gsub('%c', '?')) end

---'<' NAME attributes '>' content.
---@param name string
---@param attributes string[][] pairs of a name and a text
---@param ... string markup
---@return string
function M.tag(name, attributes, ...)
  local out = { '<', name }
  for _, attribute in ipairs(attributes) do
    out[#out + 1] = (' %s="%s"'):format(attribute[1], M.escape(attribute[2]))
  end
  out[#out + 1] = '>' .. table.concat { ... } .. ('</%s>'):format(name)
  return table.concat(out)
end

---A whole page.
---@param title string
---@param style string CSS, beside what all pages have
---@param ... string markup
---@return string
function M.page(title, style, ...)
  return '<!DOCTYPE html>\n' .. M.tag('html', { { 'lang', 'en' } },
    '<head><meta charset="utf-8"/>',
    '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
    M.tag('title', {}, M.escape(title)), '<style>\n' .. STYLE .. style .. '</style></head>\n<body>',
    M.tag('main', {}, ...), '</body>') .. '\n'
end

return M
