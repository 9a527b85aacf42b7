#include "engine/text/pre_tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <array>
#include <cstdint>
#include <pcre2.h>

namespace engine {

namespace {

constexpr std::size_t kMaxStages = 32;
constexpr std::uint32_t kMatchLimit = 20'000'000; // steps, far above what sane expressions need
constexpr std::size_t kSmallJitStack = std::size_t(32) << 10;
constexpr std::size_t kLargeJitStack = std::size_t(64) << 20; // grows only as far as it is used

template<auto Free>
struct PcreDeleter {
    template<typename T>
    void operator()(T* object) const {
        Free(object);
    }
};

} // namespace

struct PreTokenizer::Expression {
    std::unique_ptr<pcre2_code, PcreDeleter<pcre2_code_free>> code;
    bool jit = false;
};

PreTokenizer::PreTokenizer() = default;
PreTokenizer::~PreTokenizer() = default;

Result<std::shared_ptr<const PreTokenizer>>
PreTokenizer::create(const std::vector<std::string>& patterns) {
    if (patterns.size() > kMaxStages)
        return Status(
            Code::TokenizerInconsistent,
            {{"detail", std::to_string(patterns.size()) + " splitting expressions, at most " +
                            std::to_string(kMaxStages) + " are supported"}});
    const std::shared_ptr<PreTokenizer> made(new PreTokenizer);
    for (const std::string& pattern : patterns) {
        int error = 0;
        PCRE2_SIZE offset = 0;
        // No backslash-C: it could cut a character in two.
        pcre2_code* compiled = pcre2_compile(
            reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
            PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr);
        if (compiled == nullptr) {
            std::array<PCRE2_UCHAR, 256> message{};
            pcre2_get_error_message(error, message.data(), message.size());
            return Status(Code::TokenizerRegexInvalid,
                          {{"regex", pattern.substr(0, 200)},
                           {"offset", std::to_string(offset)},
                           {"reason", reinterpret_cast<const char*>(message.data())}});
        }
        auto code = std::make_unique<Expression>();
        code->code.reset(compiled);
        code->jit = pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE) == 0;
        made->m_expressions.push_back(std::move(code));
    }
    return std::shared_ptr<const PreTokenizer>(made);
}

struct PreTokenizer::Session::State {
    std::unique_ptr<pcre2_match_data, PcreDeleter<pcre2_match_data_free>> data;
    std::unique_ptr<pcre2_match_context, PcreDeleter<pcre2_match_context_free>> context;
    std::unique_ptr<pcre2_jit_stack, PcreDeleter<pcre2_jit_stack_free>> stack;
};

PreTokenizer::Session::Session(const PreTokenizer& owner)
    : m_owner(owner), m_state(std::make_unique<State>()) {
    m_state->data.reset(pcre2_match_data_create(1, nullptr));
    m_state->context.reset(pcre2_match_context_create(nullptr));
    if (m_state->context)
        pcre2_set_match_limit(m_state->context.get(), kMatchLimit);
}

PreTokenizer::Session::~Session() = default;

bool PreTokenizer::Session::find(std::size_t index, std::string_view text, std::size_t from,
                                 std::size_t& begin, std::size_t& end) {
    const Expression& code = *m_owner.m_expressions[index];
    State& state = *m_state;
    if (!state.data || !state.context)
        return false;
    const auto run = [&] {
        const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
        constexpr std::uint32_t options = PCRE2_NOTEMPTY | PCRE2_NO_UTF_CHECK;
        return code.jit ? pcre2_jit_match(code.code.get(), subject, text.size(), from,
                                          PCRE2_NOTEMPTY, state.data.get(), state.context.get())
                        : pcre2_match(code.code.get(), subject, text.size(), from, options,
                                      state.data.get(), state.context.get());
    };
    int found = run();
    if (found == PCRE2_ERROR_JIT_STACKLIMIT && !state.stack) {
        // Rare: a long piece under an expression that backtracks. One larger stack, then kept.
        state.stack.reset(pcre2_jit_stack_create(kSmallJitStack, kLargeJitStack, nullptr));
        pcre2_jit_stack_assign(state.context.get(), nullptr, state.stack.get());
        found = run();
    }
    if (found < 0)
        return false;
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(state.data.get());
    begin = ends[0];
    end = ends[1];
    // \K and look-behind could report odd ranges; they must never move the cursor backwards.
    return begin >= from && end > begin;
}

} // namespace engine
