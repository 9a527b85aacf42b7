// The composition root: parses the command word, hands over to a command or to the desktop.
#include "app/application.h"
#include "app/commands/command.h"
#include "app/commands/option_parser.h"
#include "app/commands/output.h"
#include "app/paths.h"
#include "engine/runtime/engine.h"
#include "ui/actions.h"
#include "ui/desktop.h"
#include "ui/translators.h"

#include <optional>
#include <QApplication>
#include <QTimer>
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
    if (first == "--list-ui") { // pages and actions, for scripts and documents
        app::print(ui::describeUi().toStdString() + "\n");
        return app::kDone;
    }
    const app::Command* command = app::findCommand(first);
    if (command == nullptr) {
        app::complain("There is no command \"" + first + "\". inglenook --help lists them.");
        return app::kWrongUsage;
    }
    return command->run({arguments.begin() + 1, arguments.end()});
}

/// `inglenook [--data-dir D] [--prompt T]`: the window. Qt has taken its own options out of the
/// arguments.
int runDesktop(QApplication& application) {
    std::vector<std::string> arguments;
    for (const QString& argument : application.arguments().mid(1))
        arguments.push_back(argument.toStdString());
    std::string dataDir;
    std::optional<std::string> prompt;
    app::OptionParser parser("[--data-dir DIR] [--prompt TEXT]");
    parser.text("data-dir", &dataDir, "DIR", "where the program keeps its data");
    parser.text("prompt", &prompt, "TEXT", "sent in a new chat, also to a desktop that runs");
    if (!parser.parse(arguments))
        return parser.exitCode();
    const QString text = QString::fromStdString(prompt.value_or("")).trimmed();
    if (prompt && text.isEmpty())
        return parser.refuse("--prompt is empty.");

    const app::Paths paths = app::resolvePaths(QString::fromStdString(dataDir));
    app::Application core(paths, [] { return engine::createEngine({}); });
    switch (core.start(text)) {
    case app::Application::StartResult::Started:
        break;
    case app::Application::StartResult::RaisedOther:
        return app::kDone;
    case app::Application::StartResult::Failed: {
        ui::Translators translators; // no settings without the folder: the system's language
        translators.install({});
        app::complain(core.startError().toStdString());
        return app::kFailed;
    }
    }
    int code = app::kFailed;
    {
        ui::Desktop desktop(core, paths);
        desktop.show();
        // After the first frame: a cold start shows the window before anything heavy.
        QTimer::singleShot(0, &core, [&] {
            core.autoloadModel();
            if (!text.isEmpty())
                desktop.send(text);
        });
        code = QApplication::exec();
    }
    core.shutdown();
    return code;
}

/// A word that is no option, or --help and --version, needs no window.
bool isCommandLine(int argc, char** argv) {
    if (argc < 2)
        return false;
    const std::string_view first = argv[1];
    return !first.starts_with('-') || first == "--help" || first == "--version" ||
           first == "--list-ui";
}

} // namespace

int main(int argc, char** argv) {
    QCoreApplication::setApplicationName(QStringLiteral("inglenook"));
    QCoreApplication::setApplicationVersion(QStringLiteral(INGLENOOK_VERSION));
    // GPUs in the order of nvidia-smi and the dashboard, not the fastest first.
    if (!qEnvironmentVariableIsSet("CUDA_DEVICE_ORDER"))
        qputenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
    if (isCommandLine(argc, argv)) {
        QCoreApplication application(argc, argv);
        return runCommandLine({argv + 1, argv + argc});
    }
    QGuiApplication::setApplicationDisplayName(QStringLiteral("Inglenook"));
    QGuiApplication::setDesktopFileName(QStringLiteral("inglenook"));
    QApplication application(argc, argv);
    return runDesktop(application);
}
