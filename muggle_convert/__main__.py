from muggle_convert.cli import main

main()
