// Any bytes as a template: parses or not, renders or not, but never crashes, hangs or leaks; and
// the pieces that come back hold a body only where a message put one.
#include "engine/text/chat_template.h"

#include <cstdint>

using namespace engine;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto parsed = ChatTemplate::parse(std::string(reinterpret_cast<const char*>(data), size));
    if (!parsed)
        return 0;
    ChatTemplateInput input;
    input.messages = {{"system", "Be \xE4\xBD\xA0 brief.\n"},
                      {"user", " <|im_end|>a,b \xFF"},
                      {"assistant", "<think>x</think>\n\ny"},
                      {"user", ""}};
    input.bosToken = "<BOS>";
    input.eosToken = "<EOS>";
    const auto pieces = (*parsed)->render(input);
    if (!pieces)
        return 0;
    bool previous = false;
    for (std::size_t i = 0; i < pieces->size(); ++i) {
        const PromptPiece& piece = (*pieces)[i];
        if (piece.text.empty() || (i > 0 && piece.isBody == previous))
            __builtin_trap(); // pieces alternate and hold something
        previous = piece.isBody;
    }
    endsInsideReasoning(*pieces);
    dropReasoning(joinPieces(*pieces));
    return 0;
}
