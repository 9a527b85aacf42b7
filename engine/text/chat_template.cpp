#include "engine/text/chat_template.h"

#include "engine/text/jinja_interpreter.h"
#include "engine/text/jinja_parser.h"
#include "engine/text/reasoning_parser.h"

#include <algorithm>
#include <array>
#include <new>

namespace engine {

namespace {

constexpr std::string_view kOpenTag = "<think>";
constexpr std::string_view kCloseTag = "</think>";

// One turn a message, the role in the head line; what most models without a template understand.
constexpr std::string_view kChatMl =
    "{%- for message in messages %}\n"
    "    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|im_start|>assistant\\n' }}\n"
    "{%- endif %}\n";

// A role is part of the format; one that nobody defined came from outside and is a body.
jinja::Text roleText(const std::string& role) {
    static constexpr std::array<std::string_view, 5> kRoles = {"system", "user", "assistant",
                                                               "tool", "developer"};
    const bool known = std::find(kRoles.begin(), kRoles.end(), role) != kRoles.end();
    return known ? jinja::Text::fromTemplate(role) : jinja::Text::fromBody(role);
}

std::vector<PromptPiece> piecesOf(const jinja::Text& text) {
    std::vector<PromptPiece> pieces;
    const auto add = [&](std::size_t from, std::size_t to, bool isBody) {
        if (from < to)
            pieces.push_back({text.bytes().substr(from, to - from), isBody});
    };
    std::size_t from = 0;
    bool isBody = false;
    for (const std::uint32_t edge : text.edges()) {
        add(from, edge, isBody);
        from = edge;
        isBody = !isBody;
    }
    add(from, text.size(), isBody);
    return pieces;
}

// The text to be continued, behind the generation prompt. Where the template forces <think>, a
// <think> that the answer begins with is the same one.
void appendContinuation(std::vector<PromptPiece>& pieces, const std::string& answer) {
    if (answer.empty())
        return;
    std::string_view rest = answer;
    const std::size_t begin = rest.find_first_not_of(" \t\r\n");
    if (endsInsideReasoning(pieces) && begin != std::string_view::npos &&
        rest.substr(begin).starts_with(kOpenTag)) {
        rest.remove_prefix(begin + kOpenTag.size());
        if (pieces.back().text.ends_with('\n') && rest.starts_with('\n'))
            rest.remove_prefix(1);
    }
    if (!rest.empty())
        pieces.push_back({std::string(rest), true});
}

class JinjaChatTemplate : public ChatTemplate {
  public:
    explicit JinjaChatTemplate(std::shared_ptr<const jinja::Template> parsed)
        : m_parsed(std::move(parsed)) {}

    Result<std::vector<PromptPiece>> render(const ChatTemplateInput& input) const override;
    const std::string& source() const override { return m_parsed->source; }

  private:
    std::shared_ptr<const jinja::Template> m_parsed;
};

void defineInput(jinja::Interpreter& interpreter, jinja::RenderState& state,
                 const ChatTemplateInput& input) {
    using jinja::Text;
    using jinja::Value;
    const auto literal = [](const char* text) { return Value::literal(Text::fromTemplate(text)); };
    jinja::Values messages;
    for (const ChatMessage& message : input.messages)
        messages.push_back(Value::dict(
            state, {{literal("role"), Value::string(state, roleText(message.role))},
                    {literal("content"), Value::string(state, Text::fromBody(message.content))}}));
    interpreter.define("messages", Value::list(state, std::move(messages)));
    interpreter.define("add_generation_prompt", Value::boolean(input.addGenerationPrompt));
    interpreter.define("enable_thinking", Value::boolean(input.enableThinking));
    interpreter.define("bos_token", Value::literal(Text::fromTemplate(input.bosToken)));
    interpreter.define("eos_token", Value::literal(Text::fromTemplate(input.eosToken)));
    // As transformers calls templates: always given, none without tools.
    interpreter.define("tools", Value::none());
    interpreter.define("documents", Value::none());
    interpreter.define("range", Value::of(jinja::Builtin::Range));
    interpreter.define("namespace", Value::of(jinja::Builtin::Namespace));
    interpreter.define("dict", Value::of(jinja::Builtin::Dict));
    interpreter.define("raise_exception", Value::of(jinja::Builtin::RaiseException));
    interpreter.define("strftime_now", Value::of(jinja::Builtin::StrftimeNow));
}

Result<std::vector<PromptPiece>> JinjaChatTemplate::render(const ChatTemplateInput& input) const {
    std::size_t inputBytes = 0;
    for (const ChatMessage& message : input.messages)
        inputBytes += message.role.size() + message.content.size() + 512;
    try {
        jinja::RenderState state(inputBytes);
        jinja::Interpreter interpreter(state, *m_parsed);
        defineInput(interpreter, state, input);
        const jinja::Text text = interpreter.run();
        if (state.failed())
            return state.status();
        std::vector<PromptPiece> pieces = piecesOf(text);
        appendContinuation(pieces, input.continuedAnswer);
        return pieces;
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "more"}, {"free", "too little"}});
    }
}

} // namespace

Result<std::shared_ptr<const ChatTemplate>> ChatTemplate::parse(std::string source) {
    try {
        auto parsed = jinja::parseTemplate(std::move(source));
        if (!parsed)
            return parsed.status();
        return std::shared_ptr<const ChatTemplate>(
            std::make_shared<JinjaChatTemplate>(std::move(parsed).value()));
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "more"}, {"free", "too little"}});
    }
}

std::shared_ptr<const ChatTemplate> ChatTemplate::fallback() {
    auto parsed = parse(std::string(kChatMl));
    return parsed ? *parsed : nullptr;
}

std::string joinPieces(const std::vector<PromptPiece>& pieces) {
    std::string text;
    for (const PromptPiece& piece : pieces)
        text += piece.text;
    return text;
}

std::string dropReasoning(const std::string& answer) {
    const auto answerOf = [&](bool startInside, bool& strayEnd) {
        ReasoningParser parser(startInside);
        std::vector<TextPart> parts = parser.push(answer);
        for (TextPart& part : parser.finish())
            parts.push_back(std::move(part));
        std::string text;
        for (const TextPart& part : parts)
            text += part.reasoning ? "" : part.text;
        strayEnd = parser.sawStrayEnd();
        return text;
    };
    bool strayEnd = false;
    std::string text = answerOf(false, strayEnd);
    // An end without a start: the prompt had forced the start, all before it is reasoning.
    return strayEnd ? answerOf(true, strayEnd) : text;
}

bool endsInsideReasoning(const std::vector<PromptPiece>& pieces) {
    // What decides is the template's last word, then what the answer has written behind it. A tag
    // in a person's message says nothing.
    std::string_view answer;
    std::size_t last = pieces.size();
    if (last > 0 && pieces[last - 1].isBody)
        answer = pieces[--last].text;
    const std::string_view prompt = last > 0 ? std::string_view(pieces[last - 1].text) : "";
    for (const std::string_view text : {answer, prompt}) {
        const std::size_t open = text.rfind(kOpenTag);
        const std::size_t close = text.rfind(kCloseTag);
        if (open != std::string_view::npos || close != std::string_view::npos)
            return close == std::string_view::npos ||
                   (open != std::string_view::npos && open > close);
    }
    return false;
}

} // namespace engine
