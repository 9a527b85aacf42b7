// inglenook perplexity: how well a model predicts a text.
#include "app/commands/command.h"
#include "app/commands/common_options.h"
#include "app/commands/output.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace app {

int runPerplexity(const std::vector<std::string>& arguments) {
    OptionParser parser("perplexity --model M --file T [--context N] [--json]");
    CommonOptions common;
    std::string file;
    std::uint32_t context = 512;
    common.addModel(parser);
    parser.text("file", &file, "T", "the text, UTF-8");
    parser.integer("context", &context, 2, 1'000'000, "tokens a window (512)");
    common.addTo(parser);
    if (!parser.parse(arguments))
        return parser.exitCode();
    if (file.empty())
        return parser.refuse("--file is needed.");
    const auto path = resolveModel(common);
    if (!path)
        return fail(path.status());
    const auto factory = makeExecutorFactory(common);
    if (!factory)
        return fail(factory.status());
    const auto contents = readFile(file);
    if (!contents)
        return fail(contents.status());
    const auto model = engine::openModel(*path);
    if (!model)
        return fail(model.status());
    const auto result =
        engine::measurePerplexity(*model, *contents, *factory, common.formats, context);
    if (!result)
        return fail(result.status());
    if (common.json) {
        printJson({{"perplexity", result->perplexity}, {"tokens", result->tokens}});
    } else {
        char line[96];
        std::snprintf(line, sizeof line, "perplexity %.4f over %llu tokens\n", result->perplexity,
                      static_cast<unsigned long long>(result->tokens));
        print(line);
    }
    return kDone;
}

} // namespace app
