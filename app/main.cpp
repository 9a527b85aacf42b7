// The composition root: parses the command word, hands over to a command or to the desktop.
#include "app/commands/command.h"
#include "app/commands/output.h"
#include "app/paths.h"

#include <QCoreApplication>
#include <string>
#include <vector>

namespace {

/// `inglenook COMMAND ...`, --help and --version: no window, no database.
int runCommandLine(const std::vector<std::string>& arguments) {
    const std::string& first = arguments.front();
    if (first == "--version") {
        app::print("inglenook " INGLENOOK_VERSION "\n");
        return app::kDone;
    }
    if (first == "--help" || first == "help") {
        app::print(app::generalHelp());
        return app::kDone;
    }
    const app::Command* command = app::findCommand(first);
    if (command == nullptr) {
        app::complain("There is no command \"" + first + "\". inglenook --help lists them.");
        return app::kWrongUsage;
    }
    return command->run({arguments.begin() + 1, arguments.end()});
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    QCoreApplication application(argc, argv);
    if (!arguments.empty())
        return runCommandLine(arguments);
    return app::resolvePaths({}).dataDir.isEmpty() ? app::kFailed : app::kDone;
}
