#include "app/commands/command.h"

#include <array>

namespace app {

std::span<const Command> commands() {
    static constexpr std::array kCommands = {
        Command{"chat", "answers in the terminal", runChat},
        Command{"verify", "compares a model with exact logits", runVerify},
        Command{"bench", "times prefill and decode", runBench},
        Command{"tokenize", "text to token ids, and back", runTokenize},
        Command{"quantize", "writes a smaller GGUF of a model", runQuantize},
        Command{"perplexity", "measures a model on a text", runPerplexity},
        Command{"synth", "writes a random model of a real shape", runSynth},
        Command{"serve", "an API server, OpenAI's protocol", runServe},
        Command{"serve-bench", "times many requests at once", runServeBench},
    };
    return kCommands;
}

const Command* findCommand(std::string_view name) {
    for (const Command& command : commands())
        if (command.name == name)
            return &command;
    return nullptr;
}

std::string generalHelp() {
    std::string text = "usage: inglenook [--data-dir DIR] [--prompt TEXT]    the desktop\n"
                       "       inglenook COMMAND [OPTIONS]                   one of:\n\n";
    for (const Command& command : commands()) {
        std::string line = "  " + std::string(command.name);
        line.resize(15, ' ');
        text += line + std::string(command.summary) + "\n";
    }
    text += "\n  --prompt sends TEXT in a new chat of the desktop, also of one that runs already.\n"
            "  --version, --help; `inglenook COMMAND --help` lists a command's options.\n";
    return text;
}

} // namespace app
